"""Writes the raw tables of this bicycle hire; every run writes the same invented rows."""

import csv
import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

STATIONS, BICYCLES, MEMBERS, HIRES = 300, 400, 300, 1_200
FIRST_OPENING = date(2023, 9, 1)
CLOSES = date(2024, 6, 30)
FIRST = ("Aino", "Bela", "Carlo", "Doru", "Edda", "Fleur", "Gil", "Hedda", "Imre", "Jorun", "Kaja", "Luz")
LAST = ("Abel", "Boom", "Cerny", "Dahl", "Egger", "Falk", "Gomes", "Holt", "Ilves", "Juhl", "Kern", "Lund")
DISTRICTS = {"harbour": 30, "old town": 30, "hills": 20, "campus": 20}
KINDS = {"city": 70, "cargo": 10, "electric": 20}
PLANS = {"basic": 60, "plus": 30, "family": 10}
FOLDER = Path(__file__).parent


def main() -> None:
    """Write every file of `seeds/`, and that of the package."""
    draw = random.Random(1817)
    stations = list(draw_stations(draw))
    members = list(draw_members(draw, stations))
    hires = list(draw_hires(draw, members, stations))
    write("seeds/stations", stations)
    write("seeds/raw_bicycles", list(draw_bicycles(draw)))
    write("seeds/raw_members", members)
    write("seeds/raw_plan_changes", list(draw_plan_changes(draw, members)))
    write("seeds/raw_hires", hires)
    write("packages/payments/seeds/raw_payments", list(draw_payments(draw, hires)))


def draw_stations(draw: random.Random) -> Iterator[dict[str, object]]:
    """Stations; those of the harbour are large."""
    for number in range(1, STATIONS + 1):
        district = weighted_choice(draw, DISTRICTS)
        docks = 8 + int(draw.expovariate(1 / (14 if district == "harbour" else 6)))
        height = draw.gauss(140, 40) if district == "hills" else draw.gauss(20, 8)
        opening = FIRST_OPENING - timedelta(days=int(2_000 * draw.betavariate(2, 3)))
        yield {
            "station_id": number,
            "district": district,
            "docks": docks,
            "height": f"{height:.1f}",
            "opened_on": opening,
        }


def draw_bicycles(draw: random.Random) -> Iterator[dict[str, object]]:
    """Bicycles; the older, the longer their way so far."""
    for number in range(1, BICYCLES + 1):
        age = int(1_500 * draw.betavariate(2, 2))
        yield {
            "id": number,
            "kind": weighted_choice(draw, KINDS),
            "bought_on": FIRST_OPENING - timedelta(days=age),
            "kilometres": f"{age * draw.lognormvariate(1, 0.5):.1f}",
        }


def draw_members(draw: random.Random, stations: Sequence[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Members, the later ones younger."""
    for number in range(1, MEMBERS + 1):
        first, last = draw.choice(FIRST), draw.choice(LAST)
        yield {
            "id": number,
            "full_name": f"{first} {last}",
            "email": f"{first}.{last}{number}@example.net".lower(),
            "birth_year": int(draw.triangular(1945, 2005, 1970 + number / 12)),
            "home_station_id": draw.choice(stations)["station_id"],
            "joined_on": FIRST_OPENING + timedelta(days=int(180 * draw.betavariate(2, 3))),
        }


def draw_plan_changes(
    draw: random.Random, members: Sequence[dict[str, object]]
) -> Iterator[dict[str, object]]:
    """Everybody's first plan, up to three changes, and that some have left."""
    for member in members:
        plan = weighted_choice(draw, PLANS)
        day = member["joined_on"]
        assert isinstance(day, date)
        changes = draw.choices((0, 1, 2, 3), weights=(50, 30, 15, 5))[0]
        for _ in range(1 + changes):
            if day > CLOSES:
                break
            moment = datetime.combine(day, datetime.min.time()) + timedelta(minutes=draw.randrange(480, 1200))
            yield {"member_id": member["id"], "plan": plan, "fee": fee(plan, day), "changed_at": moment}
            plan = draw.choice([other for other in PLANS if other != plan])
            day += timedelta(days=draw.randrange(20, 120))
        if draw.random() < 0.12:
            yield {"member_id": member["id"], "plan": "", "fee": "", "changed_at": f"{CLOSES} 12:00:00"}


def fee(plan: str, day: date) -> str:
    """The fee of a month; it rose in spring."""
    return (
        f"{ {'basic': 9.0, 'plus': 14.5, 'family': 22.0}[plan] + (1 if day >= date(2024, 3, 1) else 0):.2f}"
    )


def draw_hires(
    draw: random.Random, members: Sequence[dict[str, object]], stations: Sequence[dict[str, object]]
) -> Iterator[dict[str, object]]:
    """Hires between two stations; a few members hire often."""
    weights = [draw.paretovariate(1.5) for _ in members]
    for number, member in enumerate(draw.choices(members, weights=weights, k=HIRES), start=1):
        start_of_membership = datetime.fromisoformat(f"{member['joined_on']}")
        start = start_of_membership + timedelta(
            days=draw.randrange(120), minutes=int(360 + 900 * draw.betavariate(2, 2))
        )
        yield {
            "id": f"H{number:06d}",
            "member_id": member["id"],
            "station_id": draw.choice(stations)["station_id"],
            "bicycle": weighted_choice(draw, KINDS),
            "started_at": start,
            "ended_at": start + timedelta(minutes=3 + int(draw.expovariate(1 / 25))),
        }


def draw_payments(draw: random.Random, hires: Sequence[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Most hires are paid the same day."""
    for number, hire in enumerate(hires, start=1):
        start = hire["started_at"]
        assert isinstance(start, datetime)
        yield {
            "id": number,
            "hire_id": hire["id"],
            "method": weighted_choice(draw, {"card": 65, "app": 30, "cash": 5}),
            "paid_on": start.date() + timedelta(days=int(draw.expovariate(1))),
        }


def weighted_choice(draw: random.Random, weights: dict[str, int]) -> str:
    """One of the keys, drawn by weight."""
    return draw.choices(list(weights), weights=list(weights.values()))[0]


def write(name: str, rows: Sequence[dict[str, object]]) -> None:
    """Write the rows as `<name>.csv`."""
    with (FOLDER / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
