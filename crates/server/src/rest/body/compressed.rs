//! Compressed bodies of any bytes: what is read of them is what was compressed, or they are refused.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use groundswell_types::ErrorCode;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::coding::Coding;
use super::{BodyRoom, MAX_TOGETHER_BYTES};

const MAX: usize = 64 * 1024;

fn coding() -> impl Strategy<Value = Coding> {
    prop_oneof![Just(Coding::Gzip), Just(Coding::Zstd)]
}

/// Some that compress well, to more than there may be as well.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        (any::<u8>(), 0..2 * MAX).prop_map(|(byte, length)| vec![byte; length]),
        ("[a-z]{1,40}", 0..2 * MAX / 40).prop_map(|(text, times)| text.repeat(times).into_bytes()),
    ]
}

/// Both with the checksum of what they have: gzip always, zstd because it is asked for.
fn compressed(coding: Coding, body: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).expect("memory takes everything");
            encoder.finish().expect("memory takes everything")
        }
        Coding::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("a level");
            encoder.include_checksum(true).expect("an option");
            encoder.write_all(body).expect("memory takes everything");
            encoder.finish().expect("memory takes everything")
        }
    }
}

/// What is read; whatever comes of it, the room is free again.
fn read(coding: Coding, compressed: &[u8]) -> Result<Vec<u8>, ErrorCode> {
    let room = BodyRoom::default();
    let received = room.decompress_now(coding, compressed, MAX);
    let read = received.map(|received| received.to_vec()).map_err(|failed| failed.code);
    assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES);
    assert!(
        read.as_ref().is_ok_and(|body| body.len() <= MAX)
            || matches!(read, Err(ErrorCode::BadRequest | ErrorCode::PayloadTooLarge))
    );
    read
}

proptest! {
    #[test]
    fn what_was_compressed_is_read_or_is_too_large(coding in coding(), body in body()) {
        let wanted = if body.len() > MAX { Err(ErrorCode::PayloadTooLarge) } else { Ok(body.clone()) };
        prop_assert_eq!(read(coding, &compressed(coding, &body)), wanted);
    }

    #[test]
    fn whatever_bytes_come_are_read_within_the_limit_or_refused(coding in coding(), bytes in any::<Vec<u8>>()) {
        let magic: &[u8] = if coding == Coding::Gzip { b"\x1f\x8b\x08" } else { b"\x28\xb5\x2f\xfd" };
        let _ = read(coding, &bytes);
        let _ = read(coding, &[magic, &bytes].concat());
    }

    #[test]
    fn what_is_cut_is_not_taken_for_the_whole(coding in coding(), body in body(), at: Index) {
        let whole = compressed(coding, &body);
        let cut = &whole[..at.index(whole.len())];
        // Nothing at all may be read as nothing at all.
        prop_assert!(read(coding, cut).ok().is_none_or(|read| cut.is_empty() && read.is_empty()));
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused_or_says_the_same(
        coding in coding(),
        body in body(),
        (at, bit) in (any::<Index>(), 0..8_u32),
    ) {
        let mut changed = compressed(coding, &body);
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        prop_assert!(read(coding, &changed).ok().is_none_or(|read| read == body));
    }
}
