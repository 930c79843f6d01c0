//! What a linked module reaches from its exports when some of its functions are cut out.
//!
//! The linker has left out what nothing refers to, but it could not know of the cuts. What only those referred to stays in
//! its tables: functions, and data that has pointers to functions. The linker can write down what refers to what
//! (`--emit-relocs`), as WebAssembly's tool conventions describe it (Linking.md); with that it can be followed once more.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use wasmparser::{
    ExternalKind, FunctionBody, KnownCustom, Linking, Name, Operator, Parser, Payload, RelocationType,
    SymbolFlags, SymbolInfo, TypeRef,
};

/// What nothing reaches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unreached {
    /// The functions, by their index, among them those that were cut out. Imported ones are not.
    pub functions: Vec<u32>,
    /// The bytes of data, by the index of their segment.
    pub data: Vec<(usize, Range<usize>)>,
    /// Where in the file the code has addresses of places in the sources, all of equal length. They are what panics tell, and
    /// once nothing reads them one is as good as any other: functions that differ in nothing else are then the same.
    pub places: Vec<Range<usize>>,
}

/// What of a module is not reached when the functions are cut out whose names `is_cut` says yes to. Fails when the module
/// was linked without `--emit-relocs`.
pub fn unreached(module: &[u8], is_cut: impl Fn(&str) -> bool) -> Result<Unreached> {
    let module = Linked::read(module)?;
    let mut reached = Reached {
        functions: vec![false; module.imported + module.functions.len()],
        symbols: vec![false; module.symbols.len()],
        waiting: Vec::new(),
    };
    let is_place: Vec<_> = (0..module.symbols.len()).map(|symbol| module.is_place(symbol)).collect();
    module.roots.iter().for_each(|root| reached.see(*root));
    while let Some(node) = reached.waiting.pop() {
        match node {
            Node::Function(index) => {
                let name = module.names.get(&index).copied().unwrap_or_default();
                if let Some(function) = module.function(index).filter(|_| !is_cut(name)) {
                    // What comes before a call of what is cut out, up to where the code could have gone another way, is
                    // never passed, or not for long.
                    let mut at = function.range.start;
                    for call in &function.calls {
                        if module.names.get(&call.called).is_some_and(|name| is_cut(name)) {
                            module.follow(&module.in_code, &(at..call.since), &mut reached);
                            at = call.before;
                        }
                        reached.see(Node::Function(call.called));
                    }
                    module.follow(&module.in_code, &(at..function.range.end), &mut reached);
                }
            }
            Node::Symbol(symbol) if is_place[symbol] => {
                reached.symbols[symbol] = false;
            }
            Node::Symbol(symbol) => {
                if let Some(range) = module.range(symbol) {
                    module.follow(&module.in_data, &range, &mut reached);
                }
            }
        }
    }
    let left = (0..).zip(&reached.functions).skip(module.imported).filter(|(index, is_reached)| {
        !**is_reached || is_cut(module.names.get(index).copied().unwrap_or_default())
    });
    let functions = left.map(|(index, _)| index).collect();
    let places = module.addresses.iter().filter(|(_, symbol)| is_place[*symbol]);
    let places = places.map(|(at, _)| module.code + at..module.code + at + ADDRESS_BYTES).collect();
    Ok(Unreached { functions, data: module.unreached_data(&reached.symbols), places })
}

/// Something that refers and is referred to.
#[derive(Debug, Clone, Copy)]
enum Node {
    /// A function, by its index.
    Function(u32),
    /// What an entry of the linker's table of symbols stands for.
    Symbol(usize),
}

struct Reached {
    functions: Vec<bool>,
    symbols: Vec<bool>,
    waiting: Vec<Node>,
}

impl Reached {
    fn see(&mut self, node: Node) {
        let seen = match node {
            Node::Function(index) => self.functions.get_mut(index as usize),
            Node::Symbol(symbol) => self.symbols.get_mut(symbol),
        };
        if let Some(seen) = seen.filter(|seen| !**seen) {
            *seen = true;
            self.waiting.push(node);
        }
    }
}

#[derive(Clone, Copy)]
enum Symbol {
    Function(u32),
    /// Some bytes of a segment.
    Data {
        segment: usize,
        start: usize,
        size: usize,
    },
    Other,
}

struct Function {
    /// Where it is in the code section.
    range: Range<usize>,
    calls: Vec<Call>,
}

struct Call {
    called: u32,
    /// Where in the code section the instructions begin that all come to this call.
    since: usize,
    /// Where those that come behind it begin.
    before: usize,
}

/// A reference: where it is in its section, and to which symbol.
type Reference = (usize, usize);

/// How long the linker makes an address in code, whatever it is.
const ADDRESS_BYTES: usize = 5;

#[derive(Default)]
struct Linked<'a> {
    bytes: &'a [u8],
    /// Where the sections begin.
    code: usize,
    data: usize,
    imported: usize,
    functions: Vec<Function>,
    names: HashMap<u32, &'a str>,
    /// Where the bytes of the segments are in the data section.
    segments: Vec<Range<usize>>,
    symbols: Vec<Symbol>,
    in_code: Vec<Reference>,
    /// Those that are constants in code, with nothing added to them.
    addresses: Vec<Reference>,
    in_data: Vec<Reference>,
    roots: Vec<Node>,
}

impl<'a> Linked<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Self { bytes, ..Self::default() };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        module.imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            module.roots.push(Node::Function(export.index));
                        }
                    }
                }
                Payload::StartSection { func, .. } => module.roots.push(Node::Function(func)),
                Payload::CodeSectionStart { range, .. } => module.code = range.start,
                Payload::CodeSectionEntry(body) => module.functions.push(function(&body, module.code)?),
                Payload::DataSection(section) => {
                    module.data = section.range().start;
                    for segment in section {
                        let segment = segment?;
                        let end = segment.range.end - module.data;
                        module.segments.push(end - segment.data.len()..end);
                    }
                }
                Payload::CustomSection(section) => module.read_custom(section.name(), section.as_known())?,
                _ => {}
            }
        }
        if module.symbols.is_empty() || module.code == 0 || module.data == 0 {
            bail!("the module does not say what refers to what: it was linked without --emit-relocs");
        }
        module.in_code.sort_unstable();
        module.in_data.sort_unstable();
        Ok(module)
    }

    fn read_custom(&mut self, name: &str, known: KnownCustom<'a>) -> Result<()> {
        match known {
            KnownCustom::Name(subsections) => {
                for subsection in subsections {
                    if let Name::Function(names) = subsection? {
                        for naming in names {
                            let naming = naming?;
                            self.names.insert(naming.index, naming.name);
                        }
                    }
                }
            }
            KnownCustom::Linking(linking) => {
                for subsection in linking.subsections() {
                    if let Linking::SymbolTable(symbols) = subsection? {
                        for symbol in symbols {
                            self.add_symbol(&symbol?);
                        }
                    }
                }
            }
            KnownCustom::Reloc(relocations) => {
                for entry in relocations.entries() {
                    let entry = entry?;
                    // To a type, which is no symbol.
                    let is_to_symbol = !matches!(entry.ty, RelocationType::TypeIndexLeb);
                    let reference = (entry.offset as usize, entry.index as usize);
                    if name == "reloc.CODE" && entry.ty == RelocationType::MemoryAddrSleb && entry.addend == 0
                    {
                        self.addresses.push(reference);
                    }
                    match name {
                        "reloc.CODE" if is_to_symbol => self.in_code.push(reference),
                        "reloc.DATA" => self.in_data.push(reference),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_symbol(&mut self, symbol: &SymbolInfo<'_>) {
        let (flags, symbol) = match *symbol {
            SymbolInfo::Func { flags, index, .. } => (flags, Symbol::Function(index)),
            SymbolInfo::Data { flags, symbol: Some(data), .. } => {
                let (segment, start, size) = (data.index as usize, data.offset as usize, data.size as usize);
                (flags, Symbol::Data { segment, start, size })
            }
            _ => (SymbolFlags::empty(), Symbol::Other),
        };
        if flags.intersects(SymbolFlags::NO_STRIP | SymbolFlags::EXPORTED) {
            self.roots.push(Node::Symbol(self.symbols.len()));
        }
        self.symbols.push(symbol);
    }

    fn function(&self, index: u32) -> Option<&Function> {
        self.functions.get((index as usize).checked_sub(self.imported)?)
    }

    /// Where a symbol's bytes are in the data section.
    fn range(&self, symbol: usize) -> Option<Range<usize>> {
        let Symbol::Data { segment, start, size } = self.symbols[symbol] else { return None };
        let start = self.segments.get(segment)?.start + start;
        Some(start..start + size)
    }

    /// Whether a symbol is a place in the sources, `core::panic::Location`: a file's name, a line and a column.
    fn is_place(&self, symbol: usize) -> bool {
        const BYTES: usize = 16;
        let Some(range) = self.range(symbol).filter(|range| range.len() == BYTES) else { return false };
        let from = self.in_data.partition_point(|(at, _)| *at < range.start);
        let referred: Vec<_> = self.in_data[from..].iter().take_while(|(at, _)| *at < range.end).collect();
        let [(at, file)] = referred[..] else { return false };
        let Some(name) = self.range(*file).map(|name| self.data + name.start..self.data + name.end) else {
            return false;
        };
        let name = self.bytes[name].trim_ascii_end();
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        let bytes = &self.bytes[self.data + range.start..self.data + range.end];
        let length = bytes[4..8].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
        *at == range.start && name.len() == length && name.ends_with(b".rs")
    }

    /// Sees whatever is referred to from within a range.
    fn follow(&self, references: &[Reference], range: &Range<usize>, reached: &mut Reached) {
        let from = references.partition_point(|(at, _)| *at < range.start);
        for (_, symbol) in references[from..].iter().take_while(|(at, _)| *at < range.end) {
            reached.see(Node::Symbol(*symbol));
            if let Some(Symbol::Function(index)) = self.symbols.get(*symbol) {
                reached.see(Node::Function(*index));
            }
        }
    }

    /// The bytes of symbols that are not reached, but for those that are of others as well.
    fn unreached_data(&self, is_reached: &[bool]) -> Vec<(usize, Range<usize>)> {
        let mut is_used: Vec<Vec<Option<bool>>> =
            self.segments.iter().map(|one| vec![None; one.len()]).collect();
        for (symbol, is_reached) in self.symbols.iter().zip(is_reached) {
            let Symbol::Data { segment, start, size } = *symbol else { continue };
            let bytes = is_used.get_mut(segment).and_then(|bytes| bytes.get_mut(start..start + size));
            for byte in bytes.into_iter().flatten() {
                *byte = Some(*is_reached || *byte == Some(true));
            }
        }
        let mut ranges = Vec::new();
        for (segment, bytes) in is_used.iter().enumerate() {
            let mut at = 0;
            for run in bytes.chunk_by(|one, next| one == next) {
                if run[0] == Some(false) {
                    ranges.push((segment, at..at + run.len()));
                }
                at += run.len();
            }
        }
        ranges
    }
}

/// A function, which may call others without the linker's saying so, if it is the linker's own.
fn function(body: &FunctionBody<'_>, code: usize) -> Result<Function> {
    let mut calls = Vec::new();
    let range = body.range();
    let mut since = range.start - code;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let operator = operators.read().context("a function cannot be read")?;
        let before = operators.original_position() - code;
        if let Operator::Call { function_index: called } | Operator::RefFunc { function_index: called } =
            operator
        {
            calls.push(Call { called, since, before });
        }
        if is_turn(&operator) {
            since = before;
        }
    }
    Ok(Function { range: range.start - code..range.end - code, calls })
}

/// Whether code can go another way than on behind an instruction, or come from elsewhere.
const fn is_turn(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
    )
}

#[cfg(test)]
mod tests;
