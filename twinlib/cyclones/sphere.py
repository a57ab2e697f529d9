"""Places on the sphere: distances, means, and the ocean basin that a place belongs to."""

import numpy as np
import numpy.typing as npt

EARTH = 6.371e6  # m, the mean radius (IUGG)


def distance_km(
    latitude: npt.ArrayLike, longitude: npt.ArrayLike, to_latitude: npt.ArrayLike, to_longitude: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Great-circle distance between places in degrees, in km, on a sphere of 6371 km.

    By the haversine formula, which is exact at short distances too (Sinnott 1984). On the ellipsoid the distance is
    another one by at most 0.6 %. Any range of longitudes will do, also on two sides of the date line.
    """
    north, to_north = np.radians(latitude), np.radians(to_latitude)
    east = np.radians(np.subtract(to_longitude, longitude, dtype=np.float64))
    half = np.sin((to_north - north) / 2) ** 2 + np.cos(north) * np.cos(to_north) * np.sin(east / 2) ** 2
    return np.asarray(2e-3 * EARTH * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def mean_place(
    latitude: npt.NDArray[np.floating], longitude: npt.NDArray[np.floating], weight: npt.NDArray[np.floating]
) -> tuple[float, float]:
    """Weighted mean of places, shape (n,): latitude and longitude from 0 up to 360 degrees.

    It is the direction of the mean of the unit vectors, so the date line and Greenwich are places as any other.
    """
    north, east = np.radians(latitude), np.radians(longitude)
    x = np.sum(weight * np.cos(north) * np.cos(east))
    y = np.sum(weight * np.cos(north) * np.sin(east))
    z = np.sum(weight * np.sin(north))
    # Twice, as -1e-15 % 360 is 360.
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)) % 360 % 360)


def basin_of(latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """The basin that a place lies in, by the limits of IBTrACS (Knapp et al. 2010), land included.

    North of the equator NI (30 to 100 degrees east), WP (to the date line), EP and NA, which meet at 100 degrees west
    down to 20 degrees north and from there along a line to (0, 65 degrees west); south of it SI (20 to 135 degrees
    east), SP (to 65 degrees west) and SA.
    """
    north = np.asarray(latitude, dtype=np.float64)
    east = np.asarray(longitude, dtype=np.float64) % 360
    america = np.where(north >= 20, 260, 295 - 35 / 20 * north)
    northern = np.select([(east >= 30) & (east < 100), (east >= 100) & (east < 180)], ["NI", "WP"], "NA")
    northern = np.where((east >= 180) & (east < america), "EP", northern)
    southern = np.select([(east >= 20) & (east < 135), (east >= 135) & (east < 295)], ["SI", "SP"], "SA")
    return np.where(north >= 0, northern, southern)
