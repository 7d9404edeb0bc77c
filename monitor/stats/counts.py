"""How often something happens: a rate out of a count of events."""

from __future__ import annotations

from scipy.special import gammaincinv

from monitor.stats.rates import Estimate


def poisson_rate(events: int, exposure: float, *, confidence: float = 0.95) -> Estimate:
    """Events for each unit of exposure, with the exact interval (Garwood 1936).

    Parameters
    ----------
    events : int
        Number of events, >= 0.
    exposure : float
        Time (or other amount) in which they were counted, > 0.

    Returns
    -------
    Estimate
        `value` is events / exposure; the interval contains the true rate in at least
        `confidence` of all samples. `rows` is `events`.

    References
    ----------
    F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936.

    Examples
    --------
    >>> rate = poisson_rate(1, 2.0)
    >>> rate.value, [round(end, 3) for end in rate.interval]
    (0.5, [0.013, 2.786])
    """
    if events < 0 or not exposure > 0:
        msg = f"a rate needs events >= 0 and exposure > 0, not {events} in {exposure}"
        raise ValueError(msg)
    tail = (1 - confidence) / 2
    low = float(gammaincinv(events, tail)) if events else 0.0
    high = float(gammaincinv(events + 1, 1 - tail))
    return Estimate(events / exposure, (low / exposure, high / exposure), events)
