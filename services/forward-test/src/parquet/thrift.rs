//! Thrift's compact protocol, which Parquet's headers are in.

/// The types that are used here, by their numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    True = 1,
    Int = 5,
    Long = 6,
    Text = 8,
    List = 9,
    Struct = 12,
}

/// Writes structs, field by field, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// The latest field of each struct that is open.
    open: Vec<u8>,
}

impl Writer {
    pub(super) fn begin(&mut self) {
        self.open.push(0);
    }

    pub(super) fn end(&mut self) {
        self.open.pop();
        self.bytes.push(0);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// A field's number, as the difference to the one before (at most 15), and its type.
    pub(super) fn field(&mut self, number: u8, kind: Kind) {
        let before = self.open.last_mut();
        let step = before.map_or(number, |before| number - std::mem::replace(before, number));
        self.bytes.push(step << 4 | kind as u8);
    }

    pub(super) fn int(&mut self, number: u8, value: i32) {
        self.field(number, Kind::Int);
        self.element(value);
    }

    /// A size of 32 bits.
    pub(super) fn size(&mut self, number: u8, value: usize) {
        self.int(number, i32::try_from(value).unwrap_or(i32::MAX));
    }

    /// A size of 64 bits.
    pub(super) fn long(&mut self, number: u8, value: usize) {
        self.field(number, Kind::Long);
        varint((value as u64) << 1, &mut self.bytes);
    }

    pub(super) fn text(&mut self, number: u8, text: &str) {
        self.field(number, Kind::Text);
        self.text_element(text);
    }

    /// The head of a list; its elements follow.
    pub(super) fn list(&mut self, number: u8, kind: Kind, length: usize) {
        self.field(number, Kind::List);
        match u8::try_from(length) {
            Ok(length) if length < 15 => self.bytes.push(length << 4 | kind as u8),
            _ => {
                self.bytes.push(0xf0 | kind as u8);
                varint(length as u64, &mut self.bytes);
            }
        }
    }

    pub(super) fn element(&mut self, value: i32) {
        // Zigzag: the sign is the last bit.
        let value = i64::from(value);
        varint(((value << 1) ^ (value >> 63)) as u64, &mut self.bytes);
    }

    pub(super) fn text_element(&mut self, text: &str) {
        varint(text.len() as u64, &mut self.bytes);
        self.bytes.extend(text.as_bytes());
    }
}

/// Seven bits a byte, the lowest first.
pub(super) fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lists_and_structs_are_as_the_protocol_has_them() {
        let mut writer = Writer::default();
        writer.begin();
        writer.int(1, -1);
        writer.long(3, 300);
        writer.list(4, Kind::Int, 1);
        writer.element(3);
        writer.text(6, "ab");
        writer.end();
        assert_eq!(
            writer.finish(),
            [
                0x15, 1, 0x26, 0xd8, 4, 0x19, 0x15, 6, 0x28, 2, b'a', b'b', 0
            ]
        );
    }
}
