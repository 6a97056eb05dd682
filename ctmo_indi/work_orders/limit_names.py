"""What an order's own limits are called on the wire."""

LIMIT_NAMES = {
    "max_airmass": "Max Airmass",
    "min_altitude_deg": "Min Altitude",
    "min_moon_separation_deg": "Min Moon Separation",
    "max_sun_altitude_deg": "Max Sun Altitude",
    "min_hour_angle_h": "Min Hour Angle",
    "max_hour_angle_h": "Max Hour Angle",
    "max_moon_illumination": "Max Moon Illumination",
    "max_moon_altitude_deg": "Max Moon Altitude",
}
"""Fields of ``Constraints`` and their keys."""
