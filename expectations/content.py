"""What the columns of a lake table hold, against what they usually held: nulls, words, numbers.

Each function is SQL over the table's profile (`profile.py`) that yields findings. The limits stand in `limits.yml`.
"""

from expectations import profile
from expectations.findings import beyond, severity_of, shape
from expectations.limits import Limits, NullBand, NumberBand
from ingestion.registry import Table

# What of two equal percentiles counts as a difference: two percent of a number, half a point of a share.
LEAST_SPREAD, LEAST_SHARE_SPREAD = 0.02, 0.005
# Through chance alone a median moves by this many spreads of its rows over the root of their number, an edge by more.
MEDIAN_NOISE, EDGE_NOISE = 1.25, 1.7


def nulls(table: Table, limit: Limits) -> str:
    least = limit.history.least_rows

    def above(band: NullBand) -> str:
        return f"share - high >= {band.points} and share - high >= {band.spreads} * spread"

    bands = beyond(limit.nulls.critical, above), beyond(limit.nulls.warning, above)
    return f"""
        with {shape(table, limit)},
        shares as (
            select span, day, column_name, rows, 1 - filled / rows as share
            from {table.source}."{table.name}_facts" where rows >= {least}
        ),
        usual as (
            select
                column_name, mad(share) as deviation, count(*) as spans,
                quantile_cont(share, 0.02) as low, quantile_cont(share, 0.98) as high
            from shares, shape where span >= recent group by column_name
        ),
        judged as (
            select
                *, greatest(
                    1.4826 * deviation, sqrt(greatest(high * (1 - high), 1 / rows) / rows), {LEAST_SHARE_SPREAD}
                ) as spread
            from shares inner join usual using (column_name), shape where span < recent and spans >= least
        )
        select
            {severity_of(*bands, "span < critical")} as severity, column_name, day,
            format('{{:.1f}} % null of {{}} rows', 100 * share, rows) as found,
            format('{{:.1f}} to {{:.1f}} %', 100 * low, 100 * high) as usual, share as size
        from judged where severity is not null
    """  # noqa: S608


def words(table: Table, limit: Limits) -> str:
    """New words, and where there are none, known words in another mixture (Jensen-Shannon divergence, base 2).

    A word is new until the spans judged together are behind it, on past days as on the newest, so a column that gets
    new words all the time (campaigns) has many of them as usual.
    """
    bands = limit.words.critical, limit.words.warning
    new = [beyond(band, lambda band: f"unknown - unknown_high >= {band.unknown}") for band in bands]
    mix = [beyond(band, lambda band: f"divergence - divergence_high - noise >= {band.divergence}") for band in bands]
    return f"""
        with {shape(table, limit)},
        words as (
            select words.*, sum(rows) over (partition by span, column_name) as filled,
                rows / filled as share, max(span) over (partition by column_name, word) as first_span
            from {table.source}."{table.name}_words" as words
            qualify filled >= {limit.history.least_rows}
        ),
        mixture as (
            select column_name, word, sum(share) / any_value(spans) as usual_share
            from words inner join (
                select column_name, count(distinct span) as spans from words, shape where span >= recent group by 1
            ) using (column_name), shape
            where span >= recent group by all
        ),
        compared as (
            select
                words.*, recent, coalesce(mixture.usual_share, 0) as usual_share, (share + usual_share) / 2 as middle
            from words left join mixture using (column_name, word), shape
        ),
        spans as (
            select
                span, column_name, any_value(day) as day, any_value(filled) as filled,
                coalesce(sum(share) filter (where first_span < span + recent), 0) as unknown,
                string_agg(word, ', ' order by rows desc, word) filter (where first_span < span + recent) as new_words,
                0.5 * (
                    sum(share * log2(share / middle) + if(usual_share > 0, usual_share * log2(usual_share / middle), 0))
                    + 1 - sum(usual_share)
                ) as divergence,
                arg_max(word, abs(share - usual_share)) as moved, arg_max(share, abs(share - usual_share)) as moved_to,
                arg_max(usual_share, abs(share - usual_share)) as moved_from,
                (count(*) - 1) / (5.5 * any_value(filled)) as noise
            from compared group by span, column_name
        ),
        usual as (
            select
                column_name, count(*) as spans, quantile_cont(divergence, 0.98) as divergence_high,
                quantile_cont(unknown, 0.98) as unknown_high
            from spans, shape where span >= recent and span <= oldest - recent - 28 // size group by column_name
        ),
        judged as (
            select * from spans inner join usual using (column_name), shape
            where spans.span < recent and usual.spans >= least
        )
        select
            {severity_of(new[0], new[1], "span < critical")} as severity, column_name, day,
            format('{{:.1f}} % of {{}} rows with new words ({{}})', 100 * unknown, filled, left(new_words, 100))
                as found,
            format('at most {{:.1f}} % new', 100 * unknown_high) as usual, unknown as size
        from judged where severity is not null
        union all
        select
            {severity_of(mix[0], mix[1], "span < critical")} as severity, column_name, day,
            format('{{:.1f}} % of {{}} rows say {{}}, divergence {{:.2f}}', 100 * moved_to, filled, moved, divergence),
            format('{{:.1f}} %, divergence up to {{:.2f}}', 100 * moved_from, divergence_high), divergence
        from judged where severity is not null and not ({new[0]} or {new[1]})
    """  # noqa: S608


def numbers(table: Table, limit: Limits) -> str:
    """The percentiles against their usual bands; one is a warning, the median and an edge the same way are critical."""
    columns = profile.numeric(table)
    parts = " ".join(f"when '{column.name}' then {profile.HUNDREDTHS[column.type]}" for column in columns)
    names = ", ".join(f"'{column.name}'" for column in columns) or "null"

    def moved(band: NumberBand, place: int) -> str:
        return (
            f"(abs(shifts[{place}]) >= ln({band.times}) and abs(shifts[{place}]) >= {band.spreads} * spreads[{place}])"
        )

    def all_moved(band: NumberBand) -> str:
        edges = "greatest(shifts[1] * sign(shifts[2]), shifts[3] * sign(shifts[2]))"
        return f"{moved(band, 2)} and {edges} >= ln({band.times}) / 2"

    def one_moved(band: NumberBand) -> str:
        return " or ".join(moved(band, place) for place in (1, 2, 3))

    critical, warning = beyond(limit.numbers.critical, all_moved), beyond(limit.numbers.warning, one_moved)

    def number(level: str) -> str:
        return f"format('{{:,.2f}}', sign({level}) * (exp(abs({level})) - 1) / parts)"

    return f"""
        with {shape(table, limit)},
        facts as (
            select
                span, day, column_name, measured, place, levels[place] as level,
                (levels[3] - levels[1]) / 2.56 / sqrt(measured) * if(place = 2, {MEDIAN_NOISE}, {EDGE_NOISE}) as noise
            from {table.source}."{table.name}_facts", unnest([1, 2, 3]) as places (place)
            where column_name in ({names}) and measured >= {limit.numbers.least_rows}
        ),
        usual as (
            select
                column_name, place, count(*) as spans, mad(level) as deviation, median(noise) as usual_noise,
                quantile_cont(level, 0.02) as low, quantile_cont(level, 0.98) as high
            from facts, shape where span >= recent group by column_name, place
        ),
        places as (
            select
                *, if(level > high, level - high, least(level - low, 0)) as shift,
                greatest(1.4826 * deviation, noise, usual_noise, {LEAST_SPREAD}) as spread
            from facts inner join usual using (column_name, place), shape where span < recent and spans >= least
        ),
        judged as (
            select
                span, column_name, any_value(day) as day, any_value(measured) as measured,
                any_value(critical) as critical,
                list(shift order by place) as shifts, list(spread order by place) as spreads,
                arg_max(place, (abs(shift) / spread, -abs(place - 2))) as worst, list(level order by place) as levels,
                list(low order by place) as lows, list(high order by place) as highs,
                case column_name {parts} else 1 end as parts
            from places group by span, column_name
        )
        select
            {severity_of(critical, warning, "span < critical")} as severity, column_name, day,
            format('{{}} {{}} over {{}} rows', ['tenth percentile', 'median', 'ninetieth percentile'][worst],
                {number("levels[worst]")}, measured) as found,
            format('{{}} to {{}}', {number("lows[worst]")}, {number("highs[worst]")}) as usual,
            exp(abs(shifts[worst])) as size
        from judged where severity is not null
    """  # noqa: S608
