//! In which order functions stand in the wasm file. wasm-opt can put them in the order of their names, so they are given
//! names to be put in order by.

use std::collections::HashMap;

use anyhow::{Result, bail};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

const CUSTOM: u8 = 0;

/// The module with other names for its functions: what was made of one generic function has the same name, and its size
/// decides, since those of one size are most alike. The compiler's own names end with a hash, which is as good as chance.
pub fn named_by_kind_and_size(module: &[u8]) -> Result<Vec<u8>> {
    let mut names: HashMap<u32, &str> = HashMap::new();
    let mut imported = 0;
    let mut sizes = Vec::new();
    // The header, then all sections but the one of names.
    let mut renamed = module.get(..8).unwrap_or_default().to_vec();
    let mut end = renamed.len();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let mut is_names = false;
        match &payload {
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => sizes.push(body.range().len()),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(subsections) = section.as_known() {
                    is_names = true;
                    for subsection in subsections {
                        if let Name::Function(functions) = subsection? {
                            for naming in functions {
                                let naming = naming?;
                                names.insert(naming.index, naming.name);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        if let Some((_, range)) = payload.as_section() {
            if !is_names {
                renamed.extend_from_slice(&module[end..range.end]);
            }
            end = range.end;
        }
    }
    if names.is_empty() {
        bail!("the functions have no names to be put in order by");
    }
    let mut naming = number(sizes.len());
    for (index, size) in (imported..).zip(&sizes) {
        let name = u32::try_from(index).ok().and_then(|index| names.get(&index)).copied().unwrap_or_default();
        naming.extend(number(index));
        // Two functions cannot have one name.
        naming.extend(sized(format!("{} {size:08} {index}", kind(name)).as_bytes()));
    }
    let section = [&sized(b"name")[..], &[1], &sized(&naming)].concat();
    renamed.push(CUSTOM);
    renamed.extend(sized(&section));
    Ok(renamed)
}

/// A function's name without its hash and without what it is generic over.
fn kind(name: &str) -> &str {
    let is_hash =
        |text: &str| text.get(..16).is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let path = name.rsplit_once("::h").filter(|(_, hash)| is_hash(hash)).map_or(name, |(path, _)| path);
    path.split_once("::<").map_or(path, |(path, _)| path)
}

fn sized(contents: &[u8]) -> Vec<u8> {
    [&number(contents.len())[..], contents].concat()
}

/// A number as WebAssembly writes them: seven bits a byte, the lowest first (LEB128).
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_of_one_function_is_of_one_kind() {
        for (name, wanted) in [
            (
                "core::ops::function::FnOnce::call_once{{vtable.shim}}::h0123456789abcdef",
                "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            ),
            ("<a::B<T> as c::D>::e::h0123456789abcdef_1", "<a::B<T> as c::D>::e"),
            ("<a::B<u8> as c::D>::e::<alloc::string::String>", "<a::B<u8> as c::D>::e"),
            ("a::hydrate", "a::hydrate"),
            ("a::h", "a::h"),
        ] {
            assert_eq!(kind(name), wanted);
        }
    }

    #[test]
    fn functions_are_named_anew_and_nothing_else_changes() {
        // Two functions, the first of which is longer.
        let code = [
            &b"\0asm\x01\0\0\0"[..],
            &[1, 4, 1, 0x60, 0, 0],
            &[3, 3, 2, 0, 0],
            &[10, 8, 2, 3, 0, 1, 0x0b, 2, 0, 0x0b],
        ];
        let named = |names: &[(u8, &str)]| {
            let one = |(index, name): &(u8, &str)| [&[*index][..], &sized(name.as_bytes())].concat();
            let naming = [&number(names.len())[..], &names.iter().flat_map(one).collect::<Vec<_>>()].concat();
            let section = [&sized(b"name")[..], &[1], &sized(&naming)].concat();
            [&code.concat()[..], &[CUSTOM], &sized(&section)].concat()
        };
        let before = named(&[(0, "a::b::h0123456789abcdef"), (1, "a::b::hfedcba9876543210")]);
        let after = named(&[(0, "a::b 00000003 0"), (1, "a::b 00000002 1")]);
        assert_eq!(named_by_kind_and_size(&before).expect("a module"), after);
        assert!(named_by_kind_and_size(&code.concat()).is_err());
    }

    #[test]
    fn numbers_are_written_seven_bits_a_byte() {
        assert_eq!([number(0), number(127), number(128)], [vec![0], vec![0x7f], vec![0x80, 1]]);
    }
}
