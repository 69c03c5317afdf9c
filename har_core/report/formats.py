"""How figures are written, in the page and in the Markdown. A figure that is missing or no number is a dash."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping
from typing import TypeGuard
from urllib.parse import quote, urlsplit

from har_core.base.text import as_markdown
from har_core.evaluation.folds import Spread

NO_FIGURE = "–"

_ENDS_ADDRESS = re.compile(r"[\s<>|\\`]")


def is_number(value: float | None) -> TypeGuard[float]:
    """Whether there is a finite figure to show."""
    return value is not None and math.isfinite(value)


def fixed(value: float | None, digits: int = 3) -> str:
    """A score or time with fixed decimals.

    >>> fixed(0.87654), fixed(float("nan"))
    ('0.877', '–')
    """
    return f"{value:.{digits}f}" if is_number(value) else NO_FIGURE


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of those that there are; None of none.

    >>> mean_of([0.5, None, 1.0])
    0.75
    """
    there = [value for value in values if value is not None]
    return statistics.fmean(there) if there else None


def with_spread(spread: Spread | None) -> str:
    """A mean over folds with its standard deviation, where there is one.

    >>> with_spread(Spread(mean=0.8954, standard_deviation=0.0451)), with_spread(None)
    ('0.895 ± 0.045', '–')
    """
    if spread is None:
        return NO_FIGURE
    deviation = spread.standard_deviation
    return fixed(spread.mean) + ("" if deviation is None else f" ± {fixed(deviation)}")


def signed(difference: float) -> str:
    """With its sign and three decimals.

    >>> signed(0.0125), signed(-0.5)
    ('+0.013', '−0.500')
    """
    return f"{difference:+.3f}".replace("-", "−")


def points(difference: float) -> str:
    """A difference of two scores in hundredths.

    >>> points(0.0966), points(-0.012), points(0.01)
    ('9.7 points more', '1.2 points less', '1.0 point more')
    """
    size = fixed(100 * abs(difference), 1)
    return f"{size} {'point' if size == '1.0' else 'points'} {'less' if difference < 0 else 'more'}"


def grouped(value: float | None) -> str:
    """A count with thousands apart.

    >>> grouped(956947)
    '956,947'
    """
    return f"{value:,.0f}" if is_number(value) else NO_FIGURE


def significant(value: float | None) -> str:
    """A magnitude with three significant digits, grouped.

    >>> significant(4.5678), significant(1234.5), significant(0.01234)
    ('4.57', '1,230', '0.0123')
    """
    if not is_number(value):
        return NO_FIGURE
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{float(f'{value:.3g}'):,.{digits}f}"


def short(value: float) -> str:
    """A tick of an axis.

    >>> short(500_000), short(2_000_000), short(0.5), short(20)
    ('500 k', '2 M', '0.5', '20')
    """
    for size, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def time_taken(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> time_taken(42.3), time_taken(754), time_taken(7504)
    ('42 s', '12 min 34 s', '2 h 5 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def shown(value: object) -> str:
    """A fact of any kind: counts grouped, several things listed.

    >>> shown(9120), shown((7, 8)), shown("5 s")
    ('9,120', '7 and 8', '5 s')
    """
    if isinstance(value, list | tuple):
        return listed([str(item) for item in value])
    return grouped(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def lowest(scores: Mapping[str, float], count: int) -> str:
    """The lowest few of some scores; of equal ones, those that are given first.

    >>> lowest({"sitting": 0.9, "standing": 0.713, "running": 0.8}, 2)
    'standing (0.71) and running (0.80)'
    """
    names = sorted(scores, key=scores.__getitem__)[:count]
    return listed([f"{name} ({fixed(scores[name], 2)})" for name in names])


def listed(words: list[str]) -> str:
    """Words as in a sentence.

    >>> listed(["7"]), listed(["7", "8"]), listed(["6", "7", "8"])
    ('7', '7 and 8', '6, 7 and 8')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def md(text: object) -> str:
    r"""Text that Markdown shows as it is, in a table too.

    >>> md("a|b\n*c*")
    'a\\|b \\*c\\*'
    """
    return as_markdown(text)


def is_web_link(url: str | None) -> bool:
    """Whether an address may become a link: nothing that runs a script.

    >>> is_web_link("https://mlflow.org/x"), is_web_link("javascript:alert(1)"), is_web_link(None)
    (True, False, False)
    """
    return url is not None and urlsplit(url).scheme in {"http", "https"}


def md_link(text: object, url: str | None) -> str:
    """Text that links to an address, or the text alone where that is no web link. Both are escaped.

    >>> md_link("CNN", "http://127.0.0.1/#/a>b"), md_link("CNN", None)
    ('[CNN](<http://127.0.0.1/#/a%3Eb>)', 'CNN')
    """
    shown = md(text)
    if url is None or not is_web_link(url):
        return shown
    return f"[{shown}](<{_ENDS_ADDRESS.sub(lambda found: quote(found[0]), url)}>)"
