"""Writes the three raw tables of this shop beside this file; every run writes the same invented rows."""

import csv
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

CUSTOMERS, ORDERS = 450, 1_800
OPENED = datetime(2023, 1, 2, 8)  # noqa: DTZ001 - the shop keeps one local time
MONTHS = 24

FIRST = (
    "Ada",
    "Bram",
    "Clara",
    "Dirk",
    "Elin",
    "Femke",
    "Goran",
    "Hanna",
    "Ivo",
    "Jana",
    "Kees",
    "Lotte",
    "Milan",
)
LAST = (
    "Adler",
    "Bakker",
    "Conti",
    "Dekker",
    "Evers",
    "Fischer",
    "Groen",
    "Horvat",
    "Jansen",
    "Klein",
    "Lenz",
)
CITIES = {"Utrecht": 40, "Ghent": 25, "Aachen": 20, "Basel": 10, "Trieste": 5}
PRODUCTS = {"coffee": 2.9, "tea": 2.4, "cake": 4.2, "sandwich": 6.5, "beans 1 kg": 18.0, "mug": 11.5}
PAYMENTS = {"card": 60, "transfer": 25, "voucher": 15}


def main() -> None:
    """Write `raw_customers.csv`, `raw_orders.csv` and `raw_order_items.csv` into `seeds/`."""
    draw = random.Random(2023)
    customers = list(draw_customers(draw))
    orders = list(draw_orders(draw, customers))
    write("raw_customers", customers)
    write("raw_orders", orders)
    write("raw_order_items", list(draw_items(draw, orders)))


def draw_customers(draw: random.Random) -> Iterator[dict[str, object]]:
    """People who joined over two years; the later ones are more often subscribers."""
    for number in range(1, CUSTOMERS + 1):
        first, last = draw.choice(FIRST), draw.choice(LAST)
        joined = OPENED + timedelta(days=int(30 * MONTHS * number / CUSTOMERS * draw.uniform(0.7, 1.0)))
        yield {
            "id": number,
            "first_name": first,
            "last_name": last,
            "email": f"{first}.{last}{number}@example.org".lower(),
            "phone": f"+31 20 555 {draw.randrange(10_000):04d}" if draw.random() < 0.8 else "",
            "city": weighted(draw, CITIES),
            "joined_on": joined.date(),
            "is_subscriber": draw.random() < 0.2 + 0.4 * number / CUSTOMERS,
        }


def draw_orders(draw: random.Random, customers: Sequence[dict[str, object]]) -> Iterator[dict[str, object]]:
    """A few customers order often, subscribers more than others, some never."""
    loyalty = [
        draw.paretovariate(1.3) * (1.8 if customer["is_subscriber"] else 1.0) for customer in customers
    ]
    buyers = draw.choices(customers, weights=loyalty, k=ORDERS)
    for number, customer in enumerate(sorted(buyers, key=lambda buyer: str(buyer["joined_on"])), start=1):
        joined = datetime.fromisoformat(str(customer["joined_on"]))
        ordered = joined + timedelta(days=draw.randrange(200), hours=8 + draw.betavariate(2, 3) * 10)
        payment = weighted(draw, PAYMENTS)
        returned = draw.random() < (0.12 if payment == "voucher" else 0.04)
        yield {
            "id": f"ORD-{number:06d}",
            "customer_id": customer["id"],
            "ordered_at": ordered.isoformat(sep=" ", timespec="seconds"),
            "status": "returned"
            if returned
            else weighted(draw, {"completed": 85, "shipped": 10, "placed": 5}),
            "payment_method": payment,
        }


def draw_items(draw: random.Random, orders: Sequence[dict[str, object]]) -> Iterator[dict[str, object]]:
    """One to six items an order; cheap things are bought by the handful."""
    number = 0
    for order in orders:
        for _ in range(1 + min(5, int(draw.expovariate(0.5)))):
            number += 1
            product = draw.choice(list(PRODUCTS))
            price = PRODUCTS[product] * (0.9 if order["payment_method"] == "voucher" else 1.0)
            yield {
                "id": number,
                "order_id": order["id"],
                "product": product,
                "quantity": 1 + int(draw.expovariate(PRODUCTS[product] / 5)),
                "unit_price": f"{price:.2f}",
            }


def weighted(draw: random.Random, weights: dict[str, int]) -> str:
    """One of the keys, drawn by weight."""
    return draw.choices(list(weights), weights=list(weights.values()))[0]


def write(name: str, rows: Sequence[dict[str, object]]) -> None:
    """Write the rows as `seeds/<name>.csv`."""
    with (Path(__file__).parent / "seeds" / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
