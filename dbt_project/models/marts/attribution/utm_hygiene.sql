-- Tags that say the same as another one in another way, or that are missing where the link has others. What analytics
-- tools make up for links without tags is nobody's mistake.
with

links as (

    select
        written_source as source,
        written_medium as medium,
        written_campaign as campaign,
        content,
        count(*) as sessions,
        count(*) filter (where key_events > 0) as converted_sessions,
        min(session_date) as first_seen_on,
        max(session_date) as last_seen_on
    from {{ ref('int_sessions__unified') }}
    where
        written_source != '(direct)'
        and written_campaign not in ('(direct)', '(organic)', '(referral)')
        and not (
            {{ is_missing_tag('written_source') }}
            and {{ is_missing_tag('written_medium') }}
            and {{ is_missing_tag('written_campaign') }}
        )
    group by written_source, written_medium, written_campaign, content

),

-- A missing tag is looked for by what the link has instead.
tags as (

    {% for parameter in ['source', 'medium', 'campaign'] %}
    {% set others = ['source', 'medium', 'campaign'] | reject('equalto', parameter) | list %}
    select
        '{{ parameter }}' as parameter,
        {{ parameter }} as value,
        {{ is_missing_tag(parameter) }} as is_missing,
        case
            when {{ is_missing_tag(parameter) }} then concat({{ others[0] }}, ' / ', {{ others[1] }})
            else '(none)'
        end as seen_with,
        sessions,
        converted_sessions,
        first_seen_on,
        last_seen_on
    from links
    union all
    {%- endfor %}
    -- Most links say nothing of their content, and need not.
    select
        'content' as parameter,
        content as value,
        false as is_missing,
        '(none)' as seen_with,
        sessions,
        converted_sessions,
        first_seen_on,
        last_seen_on
    from links
    where content != '(none)'

),

-- Sources and mediums are lower case by convention, and so in the marts; the others may be written as it pleases.
told as (

    select
        parameter,
        value,
        is_missing,
        seen_with,
        case when parameter in ('campaign', 'content') then value else lower(value) end as spelling,
        coalesce(nullif({{ plain_text('value') }}, ''), lower(value)) as plain,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(converted_sessions) as bigint) as converted_sessions,
        min(first_seen_on) as first_seen_on,
        max(last_seen_on) as last_seen_on
    from tags
    group by parameter, value, is_missing, seen_with

),

spellings as (

    select
        parameter,
        plain,
        spelling,
        sum(sessions) as sessions
    from told
    where not is_missing
    group by parameter, plain, spelling

),

-- How each word is mostly spelt.
words as (

    select
        parameter,
        plain,
        min_by(spelling, choice) as usual,
        sum(sessions) as sessions
    from (
        select
            *,
            row_number() over (partition by parameter, plain order by sessions desc, spelling asc) as choice
        from spellings
    ) as ranked
    group by parameter, plain

),

-- A rare word that is one letter away from a frequent one. Words that differ in a digit are meant to, and so are the
-- contents of a campaign (ad-a, ad-b). The first letter is taken for right, so that not every word is compared with
-- every other.
misspelt as (

    select
        rare.parameter,
        rare.plain,
        frequent.usual,
        row_number() over (
            partition by rare.parameter, rare.plain order by frequent.sessions desc, frequent.usual asc
        ) as choice
    from words as rare
    inner join words as frequent
        on
            rare.parameter = frequent.parameter
            and substr(rare.plain, 1, 1) = substr(frequent.plain, 1, 1)
            and rare.sessions * {{ var('utm_misspelling_ratio') }} <= frequent.sessions
            and abs(length(rare.plain) - length(frequent.plain)) <= 1
    where
        rare.parameter != 'content'
        and length(rare.plain) >= {{ var('utm_misspelling_length') }}
        and translate(rare.plain, 'abcdefghijklmnopqrstuvwxyz', '')
        = translate(frequent.plain, 'abcdefghijklmnopqrstuvwxyz', '')
        and levenshtein(rare.plain, frequent.plain) = 1

),

synonyms as (

    select
        parameter,
        value,
        suggested
    from {{ ref('utm_synonyms') }}

),

judged as (

    select
        told.parameter,
        told.value,
        told.seen_with,
        case
            when told.is_missing then 'missing'
            when synonyms.suggested is not null then 'synonym'
            when told.value != words.usual and lower(told.value) = lower(words.usual) then 'case'
            when told.value != words.usual or misspelt.usual is not null then 'spelling'
        end as mistake,
        case
            when told.is_missing then '(none)'
            else coalesce(synonyms.suggested, misspelt.usual, words.usual)
        end as suggested,
        told.sessions,
        told.converted_sessions,
        told.first_seen_on,
        told.last_seen_on
    from told
    left join synonyms on told.parameter = synonyms.parameter and lower(told.value) = synonyms.value
    left join words on told.parameter = words.parameter and told.plain = words.plain and not told.is_missing
    left join misspelt
        on told.parameter = misspelt.parameter and told.plain = misspelt.plain and misspelt.choice = 1

),

final as (

    select
        parameter,
        value,
        seen_with,
        mistake,
        suggested,
        sessions,
        converted_sessions,
        first_seen_on,
        last_seen_on
    from judged
    where mistake is not null

)

select * from final
order by sessions desc, parameter asc, value asc, seen_with asc
