//! Looking into bodies.

/// Events whose body has a text in it. `lower` knows A to Z only, and the length stands in the row's header, so a longer
/// body is not read to find out.
pub(super) const EVENTS_SAYING: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE program_id = $1 AND id >= $2 AND id < $3 AND targets <> ''
        AND ($4 = '' OR kind = $4) AND ($5 = '' OR ',' || targets || ',' LIKE $5)
        AND length(body) <= $6 AND instr(lower(CAST(body AS TEXT)), $7) > 0
    ORDER BY id DESC
    LIMIT $8";
