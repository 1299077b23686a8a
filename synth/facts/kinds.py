"""The tests that say something a twin can be held to: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.facts import of_keys, of_rows, of_tables
from synth.facts.of_tables import aggregate, distinct, in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.facts.of_rows import Build

DBT: Mapping[str, Build] = {
    "unique": of_keys.unique,
    "not_null": of_rows.not_null,
    "accepted_values": of_rows.accepted_values,
    "relationships": of_keys.relationship,
}
UTILS: Mapping[str, Build] = {
    "accepted_range": of_rows.accepted_range,
    "expression_is_true": of_rows.utils_expression,
    "not_accepted_values": of_rows.rejected_values,
    "not_empty_string": of_rows.not_empty,
    "relationships_where": of_keys.relationship,
    "unique_combination_of_columns": of_keys.combination,
    "at_least_one": of_tables.at_least_one,
    "not_constant": of_tables.not_constant,
    "not_null_proportion": of_tables.proportion,
    "mutually_exclusive_ranges": of_tables.exclusive_ranges,
    "sequential_values": of_tables.sequential,
    "equal_rowcount": of_tables.as_many_rows,
    "fewer_rows_than": of_tables.fewer_rows,
}
EXPECTATIONS: Mapping[str, Build] = {
    "expect_column_values_to_be_unique": of_keys.unique,
    "expect_compound_columns_to_be_unique": of_keys.combination,
    "expect_column_values_to_not_be_null": of_rows.not_null,
    "expect_column_values_to_be_null": of_rows.null,
    "expect_column_values_to_be_between": of_rows.between,
    "expect_column_values_to_be_in_set": of_rows.in_set,
    "expect_column_distinct_values_to_be_in_set": of_rows.in_set,
    "expect_column_values_to_not_be_in_set": of_rows.rejected_values,
    "expect_column_value_lengths_to_be_between": of_rows.length_between,
    "expect_column_value_lengths_to_equal": of_rows.length_equal,
    "expect_column_values_to_match_like_pattern": of_rows.like,
    "expect_column_values_to_match_like_pattern_list": of_rows.like_list,
    "expect_column_values_to_not_match_like_pattern": of_rows.not_like,
    "expect_column_values_to_not_match_like_pattern_list": of_rows.not_like_list,
    "expect_column_values_to_match_regex": of_rows.regex,
    "expect_column_values_to_match_regex_list": of_rows.regex_list,
    "expect_column_values_to_not_match_regex": of_rows.not_regex,
    "expect_column_values_to_not_match_regex_list": of_rows.not_regex_list,
    "expression_is_true": of_rows.expression,
    "expect_column_pair_values_A_to_be_greater_than_B": of_rows.pair_greater,
    "expect_column_pair_values_to_be_equal": of_rows.pair_equal,
    "expect_column_pair_values_to_be_in_set": of_rows.pair_in_set,
    "expect_column_values_to_be_increasing": in_order(">"),
    "expect_column_values_to_be_decreasing": in_order("<"),
    "expect_column_values_to_have_consistent_casing": of_tables.same_casing,
    "expect_column_mean_to_be_between": aggregate("avg({})"),
    "expect_column_median_to_be_between": aggregate("percentile_cont(0.5) within group (order by {})"),
    "expect_column_min_to_be_between": aggregate("min({})"),
    "expect_column_max_to_be_between": aggregate("max({})"),
    "expect_column_sum_to_be_between": aggregate("sum({})"),
    "expect_column_stdev_to_be_between": aggregate("stddev({})"),
    "expect_column_quantile_values_to_be_between": of_tables.quantile,
    "expect_column_unique_value_count_to_be_between": aggregate("count(distinct {})"),
    "expect_column_proportion_of_unique_values_to_be_between": aggregate(
        "count(distinct {0})::numeric / nullif(count({0}), 0)"
    ),
    "expect_column_distinct_count_to_equal": distinct("="),
    "expect_column_distinct_count_to_be_greater_than": distinct(">"),
    "expect_column_distinct_count_to_be_less_than": distinct("<"),
    "expect_column_distinct_values_to_contain_set": of_tables.contains,
    "expect_column_distinct_values_to_equal_set": of_tables.equals_set,
    "expect_table_row_count_to_be_between": of_tables.rows_between,
    "expect_table_row_count_to_equal": of_tables.rows_equal,
    "expect_table_row_count_to_equal_other_table": of_tables.as_many_rows,
    "expect_table_row_count_to_equal_other_table_times_factor": of_tables.as_many_rows,
    "expect_column_to_exist": of_tables.shape,
    "expect_column_values_to_be_of_type": of_tables.shape,
    "expect_column_values_to_be_in_type_list": of_tables.shape,
    "expect_table_column_count_to_equal": of_tables.shape,
    "expect_table_column_count_to_be_between": of_tables.shape,
    "expect_table_columns_to_contain_set": of_tables.shape,
    "expect_table_columns_to_not_contain_set": of_tables.shape,
    "expect_table_columns_to_match_set": of_tables.shape,
    "expect_table_columns_to_match_ordered_list": of_tables.shape,
}
PACKAGES: Mapping[str, Mapping[str, Build]] = {
    "dbt": DBT,
    "dbt_utils": UTILS,
    "dbt_expectations": EXPECTATIONS,
}
KINDS = {(package, name): build for package, kinds in PACKAGES.items() for name, build in kinds.items()}
