"""Reads colors; without TensorFlow, so --help is quick."""

Color = tuple[int, int, int]


def parse_color(text: str) -> Color:
    """Reads `white`, `#ffffff` or `255,255,255` as (255, 255, 255).

    Raises:
      ValueError: it is something else.
    """
    from PIL import ImageColor

    parts = text.split(",")
    if len(parts) == 3 and all(part.strip().isdecimal() and int(part) < 256 for part in parts):
        red, green, blue = (int(part) for part in parts)
        return red, green, blue
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise ValueError("is not a color; give a name such as white, #ffffff, or 255,255,255") from None
    return red, green, blue
