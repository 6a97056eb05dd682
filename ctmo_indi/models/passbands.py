"""Which wavelengths a filter lets pass, by its name: for ObsCore's em_min and em_max.

Centre and width at half of the peak of the standard that named the band; a maker's filter differs
by some per cent. A filter of another name is not guessed: it has no limits.
"""

from __future__ import annotations

# (centre, full width at half maximum) in nanometres.
_JOHNSON = {  # Johnson and Cousins: Binney and Merrifield, Galactic Astronomy (1998), table 2.1
    "U": (365.0, 66.0),
    "B": (445.0, 94.0),
    "V": (551.0, 88.0),
    "R": (658.0, 138.0),
    "I": (806.0, 149.0),
}
_SLOAN = {  # Fukugita et al. 1996, AJ 111, 1748
    "u": (355.7, 59.9),
    "g": (482.5, 137.9),
    "r": (626.1, 138.2),
    "i": (767.2, 153.5),
    "z": (909.7, 137.0),
}
_NARROW = {  # the line, with the width of the usual amateur filter
    "H_Alpha": (656.3, 7.0),
    "OIII": (500.7, 7.0),
    "SII": (672.4, 7.0),
}
_WIDE = {  # what a silicon sensor sees
    "Clear": (675.0, 650.0),
    "Luminance": (550.0, 300.0),
}
_SPELLINGS = {
    "ha": "H_Alpha",
    "halpha": "H_Alpha",
    "o3": "OIII",
    "oiii": "OIII",
    "s2": "SII",
    "sii": "SII",
    "lum": "Luminance",
    "luminance": "Luminance",
    "l": "Luminance",
    "clear": "Clear",
    "c": "Clear",
}
_BANDS_NM = {**_JOHNSON, **_SLOAN, **_NARROW, **_WIDE}


def passband_m(filter_name: str) -> tuple[float, float] | None:
    """Return the shortest and longest wavelength (metres) a filter passes; None for an unknown one.

    One letter is told by its case: R is Cousins's, r is Sloan's. ``g'`` and ``sdss_g`` are g.
    """
    plain = filter_name.strip()
    band = _BANDS_NM.get(plain) or _BANDS_NM.get(plain.removesuffix("'"))
    if band is None:
        squeezed = "".join(c for c in plain.lower() if c.isalnum())
        if squeezed.startswith("sdss"):
            band = _SLOAN.get(squeezed.removeprefix("sdss").removesuffix("p"))
        else:
            band = _BANDS_NM.get(_SPELLINGS.get(squeezed, ""))
    if band is None:
        return None
    centre_nm, width_nm = band
    return (centre_nm - width_nm / 2.0) * 1e-9, (centre_nm + width_nm / 2.0) * 1e-9
