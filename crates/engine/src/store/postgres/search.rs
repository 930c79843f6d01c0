//! Looking into bodies.

/// Events whose body has a text in it. `translate` knows A to Z only, as `lower` does not in every
/// database.
pub(super) const EVENTS_SAYING: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE program_id = $1 AND id >= $2 AND id < $3 AND targets <> ''
        AND ($4 = '' OR kind = $4) AND ($5 = '' OR ',' || targets || ',' LIKE $5)
        AND CASE
            WHEN length(body) <= $6 THEN position($7 IN translate(
                convert_from(body, 'UTF8'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')) > 0
            ELSE FALSE
        END
    ORDER BY id DESC
    LIMIT $8";
