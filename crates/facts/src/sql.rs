//! How the values of facts stand in PostgreSQL's columns. Addresses and hashes are bytes, amounts are `numeric(78, 0)`, and the numbers
//! of rows, assets and chains are `bigint`. A query names the type of a column in its text, as in `owner AS "owner: Account"`, and
//! gives a value of it as `Account(owner) as _`.

use alloy_primitives::{Address, B256, U256};
use domain::{Amount, AssetId};
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, types::Oid},
};

use crate::value::{Account, Asset, ChainId, Hash, Id, Units};

/// Columns of one type that hold values of another, by a function each way.
macro_rules! columns {
    ($($name:ident as $stored:ty: $write:expr, $read:expr;)*) => {$(
        impl Type<Postgres> for $name {
            fn type_info() -> PgTypeInfo {
                <$stored as Type<Postgres>>::type_info()
            }

            fn compatible(other: &PgTypeInfo) -> bool {
                <$stored as Type<Postgres>>::compatible(other)
            }
        }

        impl PgHasArrayType for $name {
            fn array_type_info() -> PgTypeInfo {
                <$stored as PgHasArrayType>::array_type_info()
            }

            fn array_compatible(other: &PgTypeInfo) -> bool {
                <$stored as PgHasArrayType>::array_compatible(other)
            }
        }

        impl Encode<'_, Postgres> for $name {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                let write: fn(&Self) -> Result<$stored, BoxDynError> = $write;
                Encode::<Postgres>::encode(write(self)?, buffer)
            }
        }

        impl<'r> Decode<'r, Postgres> for $name {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                let read: fn($stored) -> Result<Self, BoxDynError> = $read;
                read(<$stored as Decode<'r, Postgres>>::decode(value)?)
            }
        }
    )*};
}

columns! {
    Account as Vec<u8>: |account| Ok(account.0.to_vec()), |bytes| Ok(Account(Address::try_from(bytes.as_slice())?));
    Hash as Vec<u8>: |hash| Ok(hash.0.to_vec()), |bytes| Ok(Hash(B256::try_from(bytes.as_slice())?));
    Id as i64: |id| Ok(id.0), |number| Ok(Id(number));
    Asset as i64: |asset| Ok(i64::try_from(asset.0.0)?), |number| Ok(Asset(AssetId(u64::try_from(number)?)));
    ChainId as i64: |chain| Ok(i64::try_from(chain.0)?), |number| Ok(ChainId(u64::try_from(number)?));
}

/// The number that every PostgreSQL has for the type `numeric`.
const NUMERIC: PgTypeInfo = PgTypeInfo::with_oid(Oid(1700));
/// The number that every PostgreSQL has for arrays of `numeric`.
const NUMERIC_ARRAY: PgTypeInfo = PgTypeInfo::with_oid(Oid(1231));

impl Type<Postgres> for Units {
    fn type_info() -> PgTypeInfo {
        NUMERIC
    }
}

impl PgHasArrayType for Units {
    fn array_type_info() -> PgTypeInfo {
        NUMERIC_ARRAY
    }
}

impl Encode<'_, Postgres> for Units {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend(&numeric(self.0.0));
        Ok(IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Units {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let amount = match value.format() {
            PgValueFormat::Binary => whole(value.as_bytes()?),
            PgValueFormat::Text => value.as_str()?.parse().ok(),
        };
        Ok(Self(Amount(
            amount.ok_or("the number is not an amount of base units: it has a sign, decimals, or over 256 bits")?,
        )))
    }
}

/// Each digit of a `numeric` stands for four decimal ones.
const BASE: u64 = 10_000;

/// Writes an amount as PostgreSQL sends a `numeric`: the number of digits, the weight of the first, the sign, the scale, and the digits.
/// All of them are 16 bits, the first byte first.
fn numeric(amount: U256) -> Vec<u8> {
    let mut digits = Vec::with_capacity(20);
    let mut left = amount;
    while !left.is_zero() {
        let (rest, digit) = left.div_rem(U256::from(BASE));
        digits.push(digit.to::<u16>());
        left = rest;
    }
    // An amount of 256 bits has 20 digits at most.
    let count = digits.len() as u16;
    let header = [count, count.saturating_sub(1), 0, 0];
    header.into_iter().chain(digits.into_iter().rev()).flat_map(u16::to_be_bytes).collect()
}

/// Reads what [`numeric`] wrote, or what PostgreSQL computed; `None` for a number that is no amount.
fn whole(bytes: &[u8]) -> Option<U256> {
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight, sign) = (words.next()?, words.next()?.cast_signed(), words.next()?);
    // How many decimals are shown does not matter as long as they are all zero, and zeros at the end are left out.
    let _scale = words.next()?;
    let digits: Vec<u16> = words.collect();
    if sign != 0 || digits.len() != usize::from(count) {
        return None;
    }
    let mut amount = U256::ZERO;
    let base = U256::from(BASE);
    let places = usize::try_from(weight).map_or(0, |weight| weight + 1);
    if digits.len() > places {
        return None;
    }
    for place in 0..places {
        let digit = digits.get(place).copied().unwrap_or_default();
        amount = amount.checked_mul(base)?.checked_add(U256::from(digit))?;
    }
    Some(amount)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_amount_comes_back_from_its_digits(limbs: [u64; 4], shift in 0_usize..256) {
            let amount = U256::from_limbs(limbs) >> shift;
            prop_assert_eq!(whole(&numeric(amount)), Some(amount));
        }

        #[test]
        fn no_bytes_are_read_as_more_than_they_say(bytes: Vec<u8>) {
            if let Some(amount) = whole(&bytes) {
                prop_assert_eq!(whole(&numeric(amount)), Some(amount));
            }
        }
    }

    /// As PostgreSQL 15 sends them: `SELECT numeric_send(..)`.
    #[test]
    fn numbers_that_postgresql_sent_are_read() {
        for (sent, amount) in [
            ("0000000000000000", Some("0")),
            ("0001000000000000 0001", Some("1")),
            // 10000, whose last four zeros are not sent.
            ("0001000100000000 0001", Some("10000")),
            ("0003000200000000 0001 0000 0001", Some("100000001")),
            // 1.5, -1, NaN
            ("0002000000000001 0001 1388", None),
            ("0001000040000000 0001", None),
            ("00000000c0000000", None),
        ] {
            let bytes = alloy_primitives::hex::decode(sent.replace(' ', "")).unwrap();
            assert_eq!(whole(&bytes), amount.map(|text| text.parse().unwrap()), "{sent}");
        }
        assert_eq!(numeric(U256::from(1_u64)), alloy_primitives::hex!("00010000000000000001"));
    }
}
