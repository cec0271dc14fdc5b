//! The two alphabets in which CIDs are written, and the variable-length integers inside them.

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Writes bytes in RFC 4648 base32, in lower case, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(BASE32[(bits >> count & 31) as usize]));
        }
    }
    if count > 0 {
        text.push(char::from(BASE32[(bits << (5 - count) & 31) as usize]));
    }
    text
}

/// Reads a [`base32`] text. `None` for any text that this function does not write.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'a'..=b'z' => letter - b'a',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 255) as u8);
        }
    }
    // The bits left over are padding. They must be zero, and fewer than one letter.
    (count < 5 && bits & ((1 << count) - 1) == 0).then_some(bytes)
}

/// Writes bytes in base58 with Bitcoin's alphabet.
pub(crate) fn base58(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = convert(bytes, 256, 58);
    let letters = digits.into_iter().map(|digit| char::from(BASE58[usize::from(digit)]));
    std::iter::repeat_n('1', zeros).chain(letters).collect()
}

/// Reads a [`base58`] text. `None` when a letter is not in the alphabet.
pub(crate) fn from_base58(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| BASE58.iter().position(|known| *known == letter).map(|position| position as u8);
    let digits = text.bytes().map(digit).collect::<Option<Vec<u8>>>()?;
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let bytes = convert(&digits, 58, 256);
    Some(std::iter::repeat_n(0, zeros).chain(bytes).collect())
}

/// Converts digits of one base to digits of another, most significant first, without leading zeros.
fn convert(digits: &[u8], from: u32, to: u32) -> Vec<u8> {
    let mut result: Vec<u8> = Vec::new(); // least significant first
    for digit in digits {
        let mut carry = u32::from(*digit);
        for place in &mut result {
            carry += u32::from(*place) * from;
            *place = (carry % to) as u8;
            carry /= to;
        }
        while carry > 0 {
            result.push((carry % to) as u8);
            carry /= to;
        }
    }
    result.reverse();
    result
}

/// Appends an unsigned LEB128 integer.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes an unsigned LEB128 integer from the front of `input`. `None` when it is cut off, too long, or not in its shortest
/// form.
pub(crate) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        let group = u64::from(byte & 0x7f);
        if shift == 63 && group > 1 || byte == 0 && shift > 0 {
            return None;
        }
        value |= group << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_texts() {
        for (bytes, text) in [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")] {
            assert_eq!(base32(bytes.as_bytes()), text);
            assert_eq!(from_base32(text).as_deref(), Some(bytes.as_bytes()));
        }
        for wrong in ["mz", "mzxq====", "MY", "m1", "m", "mzxw6a", "mé"] {
            assert_eq!(from_base32(wrong), None, "{wrong}");
        }
        assert_eq!(base58(b"Hello World!"), "2NEpo7TZRRrLZSi2U");
        assert_eq!(base58(&[0, 0, 0x28, 0x7f, 0xb4, 0xcd]), "11233QC4");
        assert_eq!(from_base58("11233QC4").as_deref(), Some([0, 0, 0x28, 0x7f, 0xb4, 0xcd].as_slice()));
        assert_eq!(from_base58("0OIl"), None);
    }

    #[test]
    fn integers_have_one_form() {
        for wrong in
            [&[][..], &[0x80], &[0x80, 0], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert_eq!(take_varint(&mut &*wrong), None, "{wrong:x?}");
        }
        let mut largest = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 9][..];
        assert_eq!((take_varint(&mut largest), largest), (Some(u64::MAX), &[9][..]));
    }

    proptest! {
        #[test]
        fn there_and_back(bytes: Vec<u8>, value: u64, shift in 0_u32..64) {
            prop_assert_eq!(from_base32(&base32(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_base58(&base58(&bytes)), Some(bytes));
            let mut written = Vec::new();
            put_varint(&mut written, value >> shift);
            prop_assert_eq!(take_varint(&mut written.as_slice()), Some(value >> shift));
        }
    }
}
