"""Writes names of months, units and currencies from CLDR into the data files.

`python -m normalizers.cldr en de`, or `make language-data` for all, when CLDR or the lists below change.
Needs Babel (tested with 2.18, CLDR 47), which nothing needs at run time. Only the block between the two
marker lines of `<lang>.toml` is written; a file without them gets it at its end.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from normalizers.languages import DATA, UnknownLanguageError, languages

BEGIN = "# ---- from CLDR by `make language-data`; not for editing ----"
END = "# ---- end of what CLDR says ----"
_UNITS = """
angle-degree area-acre area-hectare area-square-centimeter area-square-foot area-square-inch
area-square-kilometer area-square-meter area-square-mile area-square-yard digital-bit digital-byte
digital-gigabit digital-gigabyte digital-kilobit digital-kilobyte digital-megabit digital-megabyte
digital-petabyte digital-terabit digital-terabyte duration-day duration-hour duration-microsecond
duration-millisecond duration-minute duration-month duration-nanosecond duration-second
duration-week duration-year electric-ampere electric-milliampere electric-ohm electric-volt
energy-calorie energy-electronvolt energy-joule energy-kilocalorie energy-kilojoule
energy-kilowatt-hour force-newton frequency-gigahertz frequency-hertz frequency-kilohertz
frequency-megahertz graphics-dot-per-inch graphics-megapixel graphics-pixel length-astronomical-unit
length-centimeter length-decimeter length-foot length-inch length-kilometer length-light-year
length-meter length-micrometer length-mile length-millimeter length-nanometer length-nautical-mile
length-yard light-lumen light-lux mass-carat mass-gram mass-kilogram mass-microgram mass-milligram
mass-ounce mass-pound mass-stone mass-tonne power-gigawatt power-horsepower power-kilowatt
power-megawatt power-milliwatt power-watt pressure-atmosphere pressure-bar pressure-hectopascal
pressure-kilopascal pressure-megapascal pressure-millibar pressure-pascal
pressure-pound-force-per-square-inch speed-kilometer-per-hour speed-knot speed-meter-per-second
speed-mile-per-hour temperature-celsius temperature-fahrenheit temperature-kelvin volume-barrel
volume-centiliter volume-cubic-centimeter volume-cubic-foot volume-cubic-inch volume-cubic-kilometer
volume-cubic-meter volume-cubic-mile volume-deciliter volume-fluid-ounce volume-gallon
volume-hectoliter volume-liter volume-milliliter volume-pint volume-quart
"""
_CURRENCIES = """
 AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNY COP CZK DKK DZD EGP EUR GBP HKD HUF IDR ILS INR IQD IRR
JOD JPY KES KRW KWD LBP LKR MAD MXN MYR NGN NOK NPR NZD OMR PEN PHP PKR PLN QAR RON RUB SAR SEK SGD
SYP THB TND TRY TWD UAH USD VND ZAR
"""
_CATEGORIES = ("zero", "one", "two", "few", "many", "other")


def block(code: str) -> str:
    """The CLDR tables of a language as TOML, marker lines included."""
    from babel import Locale  # at build time only

    locale = Locale.parse(code)
    lines = [BEGIN, "[cldr]"]
    for name, width, names in (
        ("months", "wide", locale.months["format"]),
        ("months_short", "abbreviated", locale.months["format"]),
        ("days", "wide", locale.days["format"]),
        ("days_short", "abbreviated", locale.days["format"]),
    ):
        lines.append(f"{name} = {_value([names[width][key] for key in sorted(names[width])])}")
    lines += ["", "[cldr.unit]", *_units(locale), "", "[cldr.currency]", *_currencies(locale), END]
    return "\n".join(lines) + "\n"


def _units(locale: Any) -> Iterator[str]:
    patterns = locale._data["unit_patterns"]
    for unit in _UNITS.split():
        long = patterns.get(unit, {}).get("long", {})
        forms = {category: long[category] for category in _CATEGORIES if category in long}
        if "other" in forms:
            gender = patterns[unit].get("gender") or long.get("gender")
            yield _row(unit.partition("-")[2], forms, gender)


def _currencies(locale: Any) -> Iterator[str]:
    plurals, names = locale._data["currency_names_plural"], locale._data["currency_names"]
    for currency in _CURRENCIES.split():
        forms = {
            key: "{0} " + plurals[currency][key] for key in _CATEGORIES if key in plurals.get(currency, {})
        }
        if "other" not in forms and currency in names:
            forms["other"] = "{0} " + names[currency]
        if forms:
            yield _row(currency, forms, None)


def _row(key: str, forms: dict[str, str], gender: str | None) -> str:
    # What a plural category says like `other` need not be said.
    cells = {name: form for name, form in forms.items() if name == "other" or form != forms["other"]}
    if gender:
        cells["gender"] = gender[0]
    return f"{key} = {{{', '.join(f'{name} = {_value(text)}' for name, text in cells.items())}}}"


def _value(value: str | list[str]) -> str:
    # A JSON string or list of strings is a TOML one. What is said has plain blanks and no soft hyphens.
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u00ad", "")


def write(code: str, folder: Path = DATA) -> bool:
    """Put the block into the language's file, at its place or at the end; whether the file changed."""
    path = folder / f"{code}.toml"
    if not path.is_file():
        raise UnknownLanguageError(code)
    before = path.read_text("utf8")
    head, _, rest = before.partition(BEGIN)
    tail = rest.partition(END + "\n")[2]
    after = head.rstrip() + "\n\n" + block(code) + tail
    path.write_text(after, "utf8")
    return after != before


def main(arguments: list[str] | None = None) -> int:
    """Write the blocks of the languages named, or of all."""
    parser = argparse.ArgumentParser(
        prog="python -m normalizers.cldr", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("lang", nargs="*", help="codes; all known languages where none is given")
    parser.add_argument(
        "--folder", type=Path, default=DATA, help="where <lang>.toml is, by default the package"
    )
    given = parser.parse_args(arguments)
    for code in given.lang or languages():
        print(f"{code}: {'written' if write(code, given.folder) else 'as it was'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
