use super::*;

/// A section, a function's body or a name: how long it is, and what is in it. All are short.
fn sized(contents: &[u8]) -> Vec<u8> {
    [&[u8::try_from(contents.len()).expect("short")], contents].concat()
}

fn custom(name: &str, contents: &[u8]) -> Vec<u8> {
    [&[0][..], &sized(&[&sized(name.as_bytes())[..], contents].concat())].concat()
}

/// An address or an index as the linker writes it, five bytes that later tools can change.
const PADDED: [u8; 5] = [0x80, 0x80, 0x80, 0x80, 0x00];

/// An address that is put on the stack and taken from it again.
fn constant() -> Vec<u8> {
    [&[0x41][..], &PADDED, &[0x1a]].concat()
}

fn call(function: u8) -> Vec<u8> {
    vec![0x10, 0x80 | function, 0x80, 0x80, 0x80, 0x00]
}

fn function_symbol(index: u8, name: &str) -> Vec<u8> {
    [&[0, 0, index][..], &sized(name.as_bytes())].concat()
}

fn data_symbol(name: &str, start: u8, size: u8) -> Vec<u8> {
    [&[1, 0][..], &sized(name.as_bytes()), &[0, start, size]].concat()
}

/// What the linker writes: the first function is exported, and none takes or returns anything.
struct Parts<'a> {
    /// The functions' names and bodies.
    functions: &'a [(&'a str, Vec<u8>)],
    symbols: &'a [Vec<u8>],
    data: &'a [u8],
    /// Type, where in the section, to which symbol, and what is added to its address, if it is one.
    in_code: &'a [&'a [u8]],
    in_data: &'a [&'a [u8]],
}

fn linked(parts: &Parts<'_>) -> Vec<u8> {
    let Parts { functions, symbols, data, in_code, in_data } = parts;
    let count = |all: usize| u8::try_from(all).expect("few");
    let body = |(_, body): &(&str, Vec<u8>)| sized(&[&[0x00], &body[..], &[0x0b]].concat());
    let bodies: Vec<u8> = functions.iter().flat_map(body).collect();
    let number = count(functions.len());
    let table = [&[count(symbols.len())][..], &symbols.concat()].concat();
    let names =
        (0..).zip(*functions).flat_map(|(at, (name, _))| [&[at][..], &sized(name.as_bytes())].concat());
    let names = sized(&[&[number][..], &names.collect::<Vec<u8>>()].concat());
    let references = |section: u8, all: &[&[u8]]| [&[section, count(all.len())][..], &all.concat()].concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        [&[1][..], &sized(&[1, 0x60, 0, 0])].concat(),
        [&[3][..], &sized(&[&[number][..], &vec![0; functions.len()]].concat())].concat(),
        [&[5][..], &sized(&[1, 0, 1])].concat(),
        [&[7][..], &sized(&[1, 4, b'm', b'a', b'i', b'n', 0, 0])].concat(),
        [&[10][..], &sized(&[&[number][..], &bodies].concat())].concat(),
        [&[11][..], &sized(&[&[1, 0, 0x41, 0, 0x0b][..], &sized(data)].concat())].concat(),
        custom("linking", &[&[2, 8][..], &sized(&table)].concat()),
        custom("reloc.CODE", &references(2, in_code)),
        custom("reloc.DATA", &references(3, in_data)),
        custom("name", &[&[1][..], &names].concat()),
    ]
    .concat()
}

/// `main` calls `draw`, and refers to the first four bytes of data, which refer to `shown`. `draw` refers to the next four,
/// which refer to `hidden`; and `hidden` calls `deep`.
fn drawing() -> Vec<u8> {
    linked(&Parts {
        functions: &[
            ("main", [call(1), constant()].concat()),
            ("draw", constant()),
            ("shown", Vec::new()),
            ("hidden", call(4)),
            ("deep", Vec::new()),
        ],
        symbols: &[
            function_symbol(2, "shown"),
            function_symbol(3, "hidden"),
            data_symbol("first", 0, 4),
            data_symbol("second", 4, 4),
        ],
        data: &[1, 0, 0, 0, 2, 0, 0, 0],
        in_code: &[&[4, 10, 2, 0], &[4, 20, 3, 0]],
        in_data: &[&[2, 6, 0], &[2, 10, 1]],
    })
}

#[test]
fn what_a_function_alone_refers_to_goes_with_it() {
    let of = |cut: &str| unreached(&drawing(), |name| name == cut).expect("a linked module");
    let all = |functions: &[u32], data: &[(usize, Range<usize>)]| Unreached {
        functions: functions.to_vec(),
        data: data.to_vec(),
        places: Vec::new(),
    };
    assert_eq!(of(""), Unreached::default());
    assert_eq!(of("draw"), all(&[1, 3, 4], &[(0, 4..8)]));
    assert_eq!(of("hidden"), all(&[3, 4], &[]));
    assert_eq!(of("main"), all(&[0, 1, 2, 3, 4], &[(0, 0..8)]));
}

#[test]
fn what_comes_before_a_call_of_what_is_cut_out_goes_with_it() {
    // `main` refers to four bytes of data each before a turn, before it calls `end`, and behind that.
    let turn = vec![0x02, 0x40, 0x0b];
    let module = linked(&Parts {
        functions: &[
            ("main", [constant(), turn, constant(), call(1), constant()].concat()),
            ("end", Vec::new()),
        ],
        symbols: &[data_symbol("first", 0, 4), data_symbol("second", 4, 4), data_symbol("third", 8, 4)],
        data: &[1; 12],
        in_code: &[&[4, 4, 0, 0], &[4, 14, 1, 0], &[4, 27, 2, 0]],
        in_data: &[],
    });
    let of = |cut: &str| unreached(&module, |name| name == cut).expect("a linked module");
    assert_eq!(of(""), Unreached::default());
    assert_eq!(of("end"), Unreached { functions: vec![1], data: vec![(0, 4..8)], places: Vec::new() });
}

#[test]
fn places_in_the_sources_are_found_and_not_reached() {
    // Twice the name `a.rs`, its length, a line and a column; and a number as long as that.
    let place = |line: u8| [0, 0, 0, 0, 4, 0, 0, 0, line, 0, 0, 0, 1, 0, 0, 0];
    let data = [&place(1)[..], &place(2), b"a.rs", &[7; 16]].concat();
    let module = linked(&Parts {
        functions: &[("main", [constant(), constant(), constant()].concat())],
        symbols: &[
            data_symbol("one", 0, 16),
            data_symbol("other", 16, 16),
            data_symbol("name", 32, 4),
            data_symbol("number", 36, 16),
        ],
        data: &data,
        in_code: &[&[4, 4, 0, 0], &[4, 11, 1, 0], &[4, 18, 3, 0]],
        in_data: &[&[5, 6, 2, 0], &[5, 22, 2, 0]],
    });
    let found = unreached(&module, |_| false).expect("a linked module");
    assert_eq!((found.functions, found.data), (Vec::new(), vec![(0, 0..36)]));
    let [one, other] = &found.places[..] else { panic!("{:?}", found.places) };
    assert_eq!((one.len(), other.start - one.start), (PADDED.len(), constant().len()));
    assert_eq!([&module[one.clone()], &module[other.clone()]], [PADDED, PADDED]);
}

#[test]
fn a_module_that_does_not_say_what_refers_to_what_is_refused() {
    let bare = [&b"\0asm\x01\0\0\0"[..], &custom("name", &[])].concat();
    assert!(unreached(&bare, |_| false).expect_err("nothing to go by").to_string().contains("--emit-relocs"));
}
