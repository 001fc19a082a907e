"""Tells which runs people can draw for: those of pictures of 8 bits; without TensorFlow."""

from tfpix2pix.config import Config

SOURCE_CHANNELS = (1, 3, 4)
TARGET_CHANNELS = (1, 3)


def why_not_drawable(config: Config) -> str:
    """Returns why a page cannot show a run's sources or results, such as `target_type=uint16: ...`; empty if it can."""
    if config.source_labels or config.target_labels:
        side = "source" if config.source_labels else "target"
        return f"{side}_labels={getattr(config, f'{side}_labels')}: a page has colors, and no numbers of classes"
    if config.source_context:
        return f"source_context={config.source_context}: a page has single pictures, and no stacks"
    if config.source_channels not in SOURCE_CHANNELS:
        return f"source_channels={config.source_channels}: a page has pictures of 1, 3 or 4 channels"
    if config.target_channels not in TARGET_CHANNELS:
        return f"target_channels={config.target_channels}: a page shows results of 1 or 3 channels"
    if config.result_type != "uint8":
        return f"target_type={config.result_type}: a page shows results of 8 bits"
    for option in ("source_range", "target_range", "source_normalize"):
        if getattr(config, option):
            return f"{option}={getattr(config, option)}: the numbers of a page's pictures are 0 to 255"
    return ""
