//! The pictures on the pages. They are files of the editor's documentation, and go with the program.

use crate::document::Document;

/// A picture's address and its bytes.
const PICTURES: [(&str, &[u8]); 2] = [
    ("/docs/webhooks-panel.png", include_bytes!("../../app/docs/webhooks-panel.png")),
    ("/docs/delivery-log.png", include_bytes!("../../app/docs/delivery-log.png")),
];

/// All pictures as they are served.
pub fn documents() -> impl Iterator<Item = (String, Document)> {
    PICTURES.into_iter().map(|(address, bytes)| (address.to_owned(), Document::png(bytes)))
}

/// Width and height of a picture in pixels, so that the page does not move when it arrives.
pub fn size(address: &str) -> Option<(u32, u32)> {
    let (_, bytes) = PICTURES.into_iter().find(|(known, _)| *known == address)?;
    // A PNG begins with a signature of 8 bytes and the chunk IHDR, whose data begin with both numbers.
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}
