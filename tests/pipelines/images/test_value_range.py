import pytest

from pipelines.images.color import parse_color
from pipelines.images.value_range import parse_channels, parse_percentiles, parse_range


def test_what_is_read():
    assert parse_range("-1000,3000.5") == (-1000.0, 3000.5)
    assert parse_percentiles("percentile:1,99.8") == (1.0, 99.8)
    assert parse_channels("3, 2,1") == (2, 1, 0)
    assert parse_color("white") == parse_color("255,255,255") == parse_color("#fff") == (255, 255, 255)
    assert parse_color("1,2,3") == (1, 2, 3)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_range, "4095"),
        (parse_range, "5,5"),
        (parse_range, "0,nan"),
        (parse_range, "0,1,2"),
        (parse_percentiles, "1,99"),
        (parse_percentiles, "percentile:1,101"),
        (parse_percentiles, "percentile:99,1"),
        (parse_channels, "0,1,2"),
        (parse_channels, "1,2"),
        (parse_color, "256,0,0"),
        (parse_color, "whitish"),
    ],
)
def test_what_is_refused_with_a_remedy(parse, text):
    with pytest.raises(ValueError, match="give"):
        parse(text)
