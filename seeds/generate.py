"""Writes the demo's raw tables: invented users and sessions in the shape of Kaggle's files.

python seeds/generate.py --users 10000 --sessions 90000 --out seeds

No row is real. The columns, their spellings and their flaws are those of the original, and columns depend on
each other, so that there is something to clean in staging and something to learn for a synthesizer.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import vocabulary as words

SEED = 20140630
FIRST_DAY, DAYS = np.datetime64("2010-01-01"), 1642  # the last account is opened on 2014-06-30
LOG_STARTED = 1096  # the day number from which every new user's actions are logged: 2013-01-01
STRANGERS = 0.02  # share of session users that `users` does not know
LONGEST_ACTION = 1_799_977  # seconds


@dataclass(frozen=True)
class People:
    """What is true of each user and seen in no single column; the columns are drawn from it."""

    engagement: np.ndarray  # standard normal
    day: np.ndarray  # day number of the account, 0 to DAYS - 1
    years: np.ndarray  # the true age
    mobile: np.ndarray  # signed up on a phone or tablet
    booked: np.ndarray


def main() -> None:
    """Write `raw_users.csv` and `raw_sessions.csv`; the same arguments give the same bytes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=10_000, help="how many users (default: %(default)s)")
    parser.add_argument("--sessions", type=int, default=90_000, help="about how many sessions (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder to write to")
    arguments = parser.parse_args()

    rng = np.random.default_rng(SEED)
    people = draw_people(rng, arguments.users)
    users = draw_users(rng, people)
    sessions = draw_sessions(rng, people, users, arguments.sessions)
    arguments.out.mkdir(parents=True, exist_ok=True)
    users.to_csv(arguments.out / "raw_users.csv", index=False, lineterminator="\n")
    sessions.to_csv(arguments.out / "raw_sessions.csv", index=False, lineterminator="\n")
    print(f"{len(users):,} users and {len(sessions):,} sessions written to {arguments.out}")


def draw_people(rng: np.random.Generator, count: int) -> People:
    """A growing business: most accounts are late, late ones are younger, on phones, and book less (yet)."""
    engagement = rng.normal(size=count)
    day = np.sort((DAYS * rng.beta(3.0, 1.1, size=count)).astype(int))
    years = np.clip(rng.gamma(4.5, 5.0, size=count) + 20 - 7 * day / DAYS, 16, 98).round()
    mobile = chance(rng, -2.6 + 2.0 * day / DAYS - 0.03 * (years - 36))
    booked = chance(
        rng,
        0.1 + 0.9 * engagement - 0.9 * day / DAYS - 0.5 * mobile - 0.0012 * (years - 38) ** 2,
    )
    return People(engagement, day, years, mobile, booked)


def draw_users(rng: np.random.Generator, people: People) -> pd.DataFrame:
    """The table `users`, in the order of its accounts."""
    count = len(people.day)
    created = FIRST_DAY + people.day
    method = signup_methods(rng, people)
    app = np.where(people.mobile, pick(rng, words.MOBILE_APPS, count), "Web")
    device = pick_given(rng, words.DEVICES, app)
    language = pick_given(rng, words.LANGUAGES, np.where(method == "google", "any", method))
    channel = pick_given(rng, words.CHANNELS, app)
    return pd.DataFrame(
        {
            "id": identifiers(rng, count),
            "date_account_created": created,
            "timestamp_first_active": first_active(rng, created),
            "date_first_booking": first_booking(rng, people, created),
            "gender": genders(rng, people, method),
            "age": typed_ages(rng, people),
            "signup_method": method,
            "signup_flow": pick_given(rng, words.SIGNUP_FLOWS, app),
            "language": language,
            "affiliate_channel": channel,
            "affiliate_provider": pick_given(rng, words.PROVIDERS, channel),
            "first_affiliate_tracked": pick_given(rng, words.TRACKED, channel),
            "signup_app": app,
            "first_device_type": device,
            "first_browser": pick_given(rng, words.BROWSERS, device),
            "country_destination": np.where(people.booked, pick_given(rng, words.COUNTRIES, language), "NDF"),
        }
    )


def signup_methods(rng: np.random.Generator, people: People) -> np.ndarray:
    """The young come with Facebook; Google is offered in the last months only."""
    facebook = chance(rng, -0.7 - 0.05 * (people.years - 36))
    google = ~facebook & (people.day > DAYS - 180) & chance(rng, np.full(len(people.day), -2.5))
    return np.select([facebook, google], ["facebook", "google"], "basic")


def genders(rng: np.random.Generator, people: People, method: np.ndarray) -> np.ndarray:
    """Facebook tells it, the engaged state it, the others leave it `-unknown-`."""
    known = chance(rng, -0.4 + 0.6 * people.engagement + 1.6 * (method == "facebook"))
    stated = pick(rng, {"FEMALE": 0.535, "MALE": 0.46, "OTHER": 0.005}, len(method))
    return np.where(known, stated, "-unknown-")


def typed_ages(rng: np.random.Generator, people: People) -> np.ndarray:
    """What was typed into the field: nothing, the age, the year of birth, this year, or a slip."""
    ages = people.years.copy()
    year = (FIRST_DAY + people.day).astype("datetime64[Y]").astype(int) + 1970
    slip = rng.random(len(ages))
    ages = np.where(slip < 0.004, 2014, ages)
    ages = np.where((slip >= 0.004) & (slip < 0.007), year - people.years, ages)
    ages = np.where((slip >= 0.007) & (slip < 0.010), 5, ages)
    ages = np.where((slip >= 0.010) & (slip < 0.014), rng.choice([105, 110], len(ages)), ages)
    silent = chance(rng, -0.1 - 0.7 * people.engagement - 0.7 * people.booked)
    return np.where(silent, np.nan, ages)


def first_active(rng: np.random.Generator, created: np.ndarray) -> np.ndarray:
    """Seconds as digits, `20090319043255`; one user in twenty looked around for weeks before signing up."""
    early = np.where(rng.random(len(created)) < 0.05, rng.geometric(0.03, len(created)), 0)
    seconds = (86_400 * rng.beta(2.2, 1.6, len(created))).astype("timedelta64[s]")
    moments = pd.DatetimeIndex((created - early).astype("datetime64[s]") + seconds)
    return moments.strftime("%Y%m%d%H%M%S").to_numpy()


def first_booking(rng: np.random.Generator, people: People, created: np.ndarray) -> np.ndarray:
    """Empty for those who never booked; the engaged book within days, others within months."""
    slow = rng.random(len(created)) < 0.45 - 0.15 * np.tanh(people.engagement)
    lag = np.where(slow, rng.gamma(1.2, 60, len(created)), rng.exponential(2.0, len(created))).astype(int)
    return np.where(people.booked, created + np.minimum(lag, 365), np.datetime64("NaT", "D"))


def draw_sessions(rng: np.random.Generator, people: People, users: pd.DataFrame, total: int) -> pd.DataFrame:
    """The table `sessions`, about `total` rows, grouped by user as in the original."""
    logged = (people.day >= LOG_STARTED) & (rng.random(len(users)) < 0.95)
    logged |= chance(rng, 1.0 + 0.6 * people.engagement)
    member = np.flatnonzero(logged)
    strangers = rng.integers(0, len(users), round(STRANGERS * len(member)))
    traits = np.concatenate([member, strangers])  # a stranger behaves like somebody, under an own id
    owner = np.concatenate([users["id"].to_numpy()[member], identifiers(rng, len(strangers))])

    eager = 0.9 * people.engagement + 0.8 * people.booked - 0.3 * people.mobile + 0.8 * people.day / DAYS
    weight = np.exp(eager[traits] + rng.normal(0, 0.9, len(traits)))
    times = np.maximum(1, np.round(weight / weight.sum() * total)).astype(int)
    shuffled = rng.permutation(len(traits))
    who = np.repeat(traits[shuffled], times[shuffled])
    user_id = np.repeat(owner[shuffled], times[shuffled]).astype(object)
    user_id[rng.random(len(who)) < 0.003] = None

    pace = rng.normal(0, 0.5, len(users)) + 0.03 * (people.years - 36)  # the old take their time
    actions = np.array(words.ACTIONS, dtype=object)[action_kinds(rng, people.booked[who])]
    device = devices(rng, users["first_device_type"].to_numpy()[who])
    return pd.DataFrame(
        {
            "user_id": user_id,
            "action": actions[:, 0],
            "action_type": actions[:, 1],
            "action_detail": actions[:, 2],
            "device_type": device,
            "secs_elapsed": seconds(rng, pace[who], actions[:, 5].astype(float), device),
        }
    )


def action_kinds(rng: np.random.Generator, booked: np.ndarray) -> np.ndarray:
    """Row numbers of `words.ACTIONS`: who books asks for bookings, who looks searches."""
    looks, books = (np.array([action[place] for action in words.ACTIONS], float) for place in (3, 4))
    return np.where(
        booked,
        rng.choice(len(books), len(booked), p=books / books.sum()),
        rng.choice(len(looks), len(booked), p=looks / looks.sum()),
    )


def devices(rng: np.random.Generator, first: np.ndarray) -> np.ndarray:
    """The device of each action: mostly the user's first one, in the spelling of the log."""
    usual = np.array([words.LOG_DEVICES[device] for device in first])
    return np.where(rng.random(len(first)) < 0.85, usual, pick(rng, words.OTHER_LOG_DEVICES, len(first)))


def seconds(
    rng: np.random.Generator, pace: np.ndarray, typical: np.ndarray, device: np.ndarray
) -> np.ndarray:
    """A heavy tail from one second to weeks; quicker on phones; one in seventy is missing."""
    handheld = np.isin(device, words.HANDHELD)
    long = np.exp(np.log(typical) + pace - 0.7 * handheld + rng.normal(0, 1.7, len(pace)))
    long = np.where(rng.random(len(pace)) < 0.03, long * rng.pareto(1.2, len(pace)) * 20, long)
    whole = np.clip(long.round(), 0, LONGEST_ACTION)
    return np.where(rng.random(len(pace)) < 0.014, np.nan, whole)


def identifiers(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ten lower-case letters and digits each, no two alike."""
    alphabet = np.array(list("abcdefghijklmnopqrstuvwxyz0123456789"))
    drawn = ["".join(row) for row in alphabet[rng.integers(0, len(alphabet), (count, 10))]]
    if len(set(drawn)) < count:
        raise ValueError("Two identifiers are alike; change SEED.")
    return np.array(drawn, dtype=object)


def chance(rng: np.random.Generator, logit: np.ndarray) -> np.ndarray:
    """True with the probability whose log-odds are `logit`."""
    happens: np.ndarray = rng.random(len(logit)) < 1 / (1 + np.exp(-logit))
    return happens


def pick(rng: np.random.Generator, weights: dict[str, float], count: int) -> np.ndarray:
    """`count` of the keys, drawn by weight."""
    shares = np.array(list(weights.values()))
    return rng.choice(np.array(list(weights)), count, p=shares / shares.sum())


def pick_given(
    rng: np.random.Generator, tables: dict[str, dict[str, float]], given: np.ndarray
) -> np.ndarray:
    """For each value of `given` a key of its table, or of the table `any` where it has none of its own."""
    chosen = np.empty(len(given), dtype=object)
    for value in sorted(set(given)):
        here = given == value
        table = tables[value] if value in tables else tables["any"]
        chosen[here] = pick(rng, table, int(here.sum()))
    return chosen


if __name__ == "__main__":
    main()
