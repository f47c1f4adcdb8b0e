//! XML that any parser reads: its text is ASCII, so it survives each encoding of a client.

use std::fmt::Write;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::visible::visible;

/// An element.
#[derive(Clone)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Element>,
    text: Option<String>,
}

impl Element {
    pub fn new(name: &'static str) -> Element {
        Element { name, attributes: Vec::new(), children: Vec::new(), text: None }
    }

    /// Adds an attribute. A character that can't be seen is spelled out: XML 1.0 forbids most of those.
    pub fn with(mut self, name: &'static str, value: &str) -> Element {
        self.attributes.push((name, visible(value)));
        self
    }

    pub fn child(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.children.extend(children);
        self
    }

    /// Gives it a text of these lines.
    pub fn lines(mut self, lines: &[&str]) -> Element {
        let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
        self.text = Some(lines.join("\n"));
        self
    }

    /// A document with this as its root.
    pub fn document(&self) -> String {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        // Nothing fails that is written to memory.
        let written = writer
            .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
            .and_then(|()| self.write(&mut writer));
        debug_assert!(written.is_ok());
        let mut document = ascii(&String::from_utf8_lossy(&writer.into_inner()));
        document.push('\n');
        document
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, value.as_str()));
        }
        if self.children.is_empty() && self.text.is_none() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        for child in &self.children {
            child.write(writer)?;
        }
        if let Some(text) = &self.text {
            writer.write_event(Event::Text(BytesText::new(text)))?;
        }
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

/// Characters beyond ASCII, which stand only in texts and values, as references.
fn ascii(document: &str) -> String {
    let mut ascii = String::with_capacity(document.len());
    for character in document.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let _ = write!(ascii, "&#{};", u32::from(character));
        }
    }
    ascii
}
