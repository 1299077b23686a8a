"""The words of the demo's raw tables and how often they fall, for `generate.py`.

The words are those of Kaggle's files, the frequencies are invented. A table keyed by a value of another
column makes the two depend on each other; the key `any` serves every other value.
"""

from __future__ import annotations

MOBILE_APPS = {"iOS": 0.55, "Moweb": 0.25, "Android": 0.20}

DEVICES = {
    "Web": {
        "Mac Desktop": 0.46,
        "Windows Desktop": 0.40,
        "iPad": 0.06,
        "Other/Unknown": 0.05,
        "Desktop (Other)": 0.03,
    },
    "iOS": {"iPhone": 0.80, "iPad": 0.20},
    "Android": {"Android Phone": 0.80, "Android Tablet": 0.20},
    "Moweb": {"iPhone": 0.55, "Android Phone": 0.25, "iPad": 0.15, "SmartPhone (Other)": 0.05},
}

BROWSERS = {
    "Mac Desktop": {"Safari": 0.46, "Chrome": 0.42, "Firefox": 0.11, "Opera": 0.01},
    "Windows Desktop": {"Chrome": 0.47, "IE": 0.29, "Firefox": 0.22, "Opera": 0.01, "-unknown-": 0.01},
    "Desktop (Other)": {"Chrome": 0.55, "Firefox": 0.40, "-unknown-": 0.05},
    "iPhone": {"Mobile Safari": 0.52, "-unknown-": 0.48},
    "iPad": {"Mobile Safari": 0.80, "-unknown-": 0.20},
    "any": {"-unknown-": 0.62, "Chrome Mobile": 0.22, "Android Browser": 0.16},
}

LANGUAGES = {
    "facebook": {"en": 0.955, "es": 0.015, "fr": 0.012, "it": 0.010, "pt": 0.008},
    "any": {
        "en": 0.925,
        "zh": 0.018,
        "fr": 0.013,
        "es": 0.011,
        "de": 0.010,
        "ko": 0.009,
        "it": 0.006,
        "ru": 0.004,
        "ja": 0.003,
        "-unknown-": 0.001,
    },
}

COUNTRIES = {
    "fr": {"FR": 0.50, "US": 0.28, "other": 0.12, "ES": 0.05, "IT": 0.05},
    "de": {"DE": 0.42, "US": 0.30, "other": 0.18, "ES": 0.06, "NL": 0.04},
    "es": {"ES": 0.45, "US": 0.35, "other": 0.12, "FR": 0.05, "PT": 0.03},
    "it": {"IT": 0.50, "US": 0.28, "other": 0.12, "FR": 0.06, "ES": 0.04},
    "any": {
        "US": 0.71,
        "other": 0.11,
        "FR": 0.055,
        "IT": 0.03,
        "GB": 0.025,
        "ES": 0.025,
        "CA": 0.018,
        "DE": 0.012,
        "NL": 0.007,
        "AU": 0.005,
        "PT": 0.003,
    },
}

CHANNELS = {
    "Web": {
        "direct": 0.58,
        "sem-brand": 0.15,
        "sem-non-brand": 0.11,
        "other": 0.05,
        "seo": 0.05,
        "api": 0.03,
        "content": 0.02,
        "remarketing": 0.01,
    },
    "any": {"direct": 0.86, "sem-brand": 0.05, "sem-non-brand": 0.04, "seo": 0.04, "other": 0.01},
}

PROVIDERS = {
    "direct": {"direct": 1.0},
    "sem-brand": {"google": 0.93, "bing": 0.06, "yahoo": 0.01},
    "sem-non-brand": {"google": 0.90, "bing": 0.05, "padmapper": 0.05},
    "seo": {"google": 0.55, "facebook": 0.40, "vast": 0.05},
    "content": {"google": 0.70, "craigslist": 0.30},
    "api": {"other": 0.95, "padmapper": 0.05},
    "any": {"other": 0.55, "craigslist": 0.30, "facebook-open-graph": 0.10, "meetup": 0.05},
}

TRACKED = {
    "direct": {"untracked": 0.78, "linked": 0.16, "tracked-other": 0.03, "product": 0.02, "": 0.01},
    "any": {
        "omg": 0.52,
        "linked": 0.28,
        "untracked": 0.12,
        "tracked-other": 0.04,
        "": 0.03,
        "marketing": 0.01,
    },
}

SIGNUP_FLOWS: dict[str, dict[str, float]] = {
    "Web": {"0": 0.90, "3": 0.05, "2": 0.03, "1": 0.01, "8": 0.01},
    "iOS": {"25": 0.85, "12": 0.15},
    "Android": {"23": 0.65, "24": 0.25, "12": 0.10},
    "Moweb": {"0": 0.60, "12": 0.30, "3": 0.10},
}

# The log spells devices differently from the users' table.
LOG_DEVICES = {
    "Mac Desktop": "Mac Desktop",
    "Windows Desktop": "Windows Desktop",
    "Desktop (Other)": "Linux Desktop",
    "iPhone": "iPhone",
    "iPad": "iPad Tablet",
    "Android Phone": "Android Phone",
    "Android Tablet": "Tablet",
    "SmartPhone (Other)": "Windows Phone",
    "Other/Unknown": "-unknown-",
}
OTHER_LOG_DEVICES = {
    "Mac Desktop": 0.34,
    "Windows Desktop": 0.28,
    "iPhone": 0.20,
    "Android Phone": 0.08,
    "iPad Tablet": 0.06,
    "-unknown-": 0.04,
}
HANDHELD = ("iPhone", "Android Phone", "iPad Tablet", "Tablet", "Windows Phone")

# action, action_type, action_detail, how often one who looks does it, one who books, and typical seconds
ACTIONS: list[tuple[str | None, str | None, str | None, float, float, float]] = [
    ("show", "view", "p3", 20.0, 16.0, 900.0),
    ("index", "view", "view_search_results", 9.0, 7.0, 400.0),
    ("search_results", "click", "view_search_results", 9.5, 6.0, 300.0),
    ("similar_listings", "data", "similar_listings", 5.0, 3.0, 120.0),
    ("personalize", "data", "wishlist_content_update", 8.0, 5.0, 60.0),
    ("reviews", "data", "listing_reviews", 3.5, 4.0, 200.0),
    ("ajax_refresh_subtotal", "click", "change_trip_characteristics", 5.5, 8.0, 150.0),
    ("lookup", None, None, 6.0, 6.5, 8.0),
    ("campaigns", None, None, 1.2, 0.8, 40.0),
    ("header_userpic", "data", "header_userpic", 3.0, 4.0, 30.0),
    ("active", "-unknown-", "-unknown-", 3.0, 3.0, 1_200.0),
    ("dashboard", "view", "dashboard", 3.5, 5.0, 1_500.0),
    ("create", "submit", "create_user", 2.0, 1.0, 90.0),
    ("confirm_email", "click", "confirm_email_link", 1.0, 0.9, 1_800.0),
    ("update", "submit", "update_user", 2.0, 3.0, 700.0),
    ("edit", "view", "edit_profile", 1.5, 2.0, 1_000.0),
    ("qt2", "view", "message_thread", 0.8, 4.0, 2_500.0),
    ("travel_plans_current", "view", "your_trips", 0.3, 3.5, 1_300.0),
    ("requested", "view", "p5", 0.2, 3.0, 200.0),
    ("message_post", "message_post", "message_post", 0.5, 2.2, 3_000.0),
    ("pending", "booking_request", "pending", 0.15, 3.2, 600.0),
    ("at_checkpoint", "booking_request", "at_checkpoint", 0.10, 1.4, 250.0),
    ("booking", "booking_response", "booking", 0.02, 0.3, 4_000.0),
    (None, "message_post", "message_post", 0.5, 0.9, 3_000.0),
    ("languages_multiselect", "-unknown-", "-unknown-", 0.2, 0.2, 100.0),
]
