//! The four 8-bit floats of ONNX: sign, exponent, mantissa; FNUZ ones have no negative zero and one NaN in its place.

use super::elem::Elem;

/// Mantissa bits, exponent bias, and whether it is an FNUZ type.
fn layout(elem: Elem) -> (u32, i32, bool) {
    match elem {
        Elem::Float8E4M3FN => (3, 7, false),
        Elem::Float8E4M3FNUZ => (3, 8, true),
        Elem::Float8E5M2 => (2, 15, false),
        _ => (2, 16, true),
    }
}

/// The value of one byte.
pub(super) fn decode(elem: Elem, byte: u8) -> f32 {
    let (mantissa_bits, bias, fnuz) = layout(elem);
    let magnitude = byte & 0x7f;
    let special = match elem {
        _ if fnuz => (byte == 0x80).then_some(f32::NAN),
        Elem::Float8E4M3FN => (magnitude == 0x7f).then_some(f32::NAN),
        // E5M2 keeps IEEE's infinities and NaNs.
        _ => (magnitude >= 0x7c).then_some(if magnitude == 0x7c { f32::INFINITY } else { f32::NAN }),
    };
    let exponent = i32::from(magnitude >> mantissa_bits);
    let mantissa = f32::from(magnitude & ((1 << mantissa_bits) - 1)) / f32::from(1u8 << mantissa_bits);
    let value = if exponent == 0 { mantissa * 2f32.powi(1 - bias) } else { (1.0 + mantissa) * 2f32.powi(exponent - bias) };
    let value = special.unwrap_or(value);
    if byte >> 7 == 1 { -value } else { value }
}

/// Bytes of values that the type represents exactly, as rounding to it leaves them; others go to the nearest below.
pub(super) fn encode(elem: Elem, values: &[f32]) -> Vec<u8> {
    let mut codes: Vec<(f32, u8)> = (0..=0x7fu8).map(|b| (decode(elem, b), b)).filter(|(v, _)| !v.is_nan()).collect();
    codes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (fnuz, nan) = (layout(elem).2, if layout(elem).2 { 0x80 } else { 0x7f });
    let code = |&value: &f32| {
        if value.is_nan() {
            return nan;
        }
        let below = codes.partition_point(|(v, _)| *v <= value.abs());
        let byte = codes[below.max(1) - 1].1;
        if value.is_sign_negative() && !(fnuz && byte == 0) { byte | 0x80 } else { byte }
    };
    values.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        for elem in [Elem::Float8E4M3FN, Elem::Float8E4M3FNUZ, Elem::Float8E5M2, Elem::Float8E5M2FNUZ] {
            for byte in 0..=u8::MAX {
                let value = decode(elem, byte);
                let back = encode(elem, &[value])[0];
                assert!(back == byte || value.is_nan() && decode(elem, back).is_nan(), "{elem} {byte:#x} {value} {back:#x}");
            }
        }
        // Largest finite values, from the table in ONNX's float8 page.
        let largest = |elem| (0..=0x7f).map(|b| decode(elem, b)).filter(|v| v.is_finite()).fold(0.0, f32::max);
        assert_eq!(largest(Elem::Float8E4M3FN), 448.0);
        assert_eq!(largest(Elem::Float8E4M3FNUZ), 240.0);
        assert_eq!(largest(Elem::Float8E5M2), 57344.0);
        assert_eq!(largest(Elem::Float8E5M2FNUZ), 57344.0);
    }
}
