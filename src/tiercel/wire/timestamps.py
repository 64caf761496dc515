"""Unix seconds as the text of a date: calendar arithmetic only, no clock and no time zone."""

_DAY = 86_400
_ERA_DAYS = 146_097  # 400 years of the Gregorian calendar
_EPOCH_DAYS = 719_468  # from March 1st of the year 0 to January 1st of 1970


def rfc3339(seconds: int) -> str:
    """`1700000000` as `2023-11-14T22:13:20Z`."""
    days, rest = divmod(seconds, _DAY)
    # counting from March puts the leap day at the end of a year
    era, day_of_era = divmod(days + _EPOCH_DAYS, _ERA_DAYS)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = era * 400 + year_of_era + (month <= 2)
    hours, minutes = divmod(rest // 60, 60)
    return f"{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{rest % 60:02}Z"
