//! Typed Rust bindings of the contracts, made from the checked-in artifacts.

use alloy::{
    primitives::{Address, B256, Bytes},
    sol,
    sol_types::{Eip712Domain, SolInterface, SolStruct, eip712_domain},
};

/// The contracts' own interfaces.
mod generated {
    #![allow(missing_docs, clippy::too_many_arguments, clippy::large_enum_variant)]
    use super::sol;
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        AccessManager,
        "../artifacts/AccessManager.json"
    );
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        AssetRegistry,
        "../artifacts/AssetRegistry.json"
    );
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        Market,
        "../artifacts/Market.json"
    );
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        Payouts,
        "../artifacts/Payouts.json"
    );
    sol!(SignatureCheck, "../artifacts/SignatureCheck.json");
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        Anchor,
        "../artifacts/Anchor.json"
    );
    /// Apart, because it names types of Disputes too.
    pub mod council {
        use super::sol;
        sol!(
            #[sol(rpc)]
            #[derive(Debug)]
            CouncilArbiter,
            "../artifacts/CouncilArbiter.json"
        );
    }
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        Disputes,
        "../artifacts/Disputes.json"
    );
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        Licences,
        "../artifacts/Licences.json"
    );
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        Staking,
        "../artifacts/Staking.json"
    );
    sol!(
        #[sol(rpc)]
        #[derive(Debug)]
        TestToken,
        "../artifacts/TestToken.json"
    );
}
pub use generated::{
    AccessManager, Anchor, AssetRegistry, Disputes,
    IAnchor::Entry as AnchorEntry,
    IAssetRegistry::{Registration, Share},
    IDisputes::Settlement,
    ILicences::Terms,
    IMarket::Order,
    IPayouts::Total,
    Licences, Market, Payouts, SignatureCheck, Staking, TestToken,
    council::CouncilArbiter,
};

/// The modules' ABIs, for decoding events by name.
pub mod abi {
    use alloy::json_abi::{ContractObject, JsonAbi};

    macro_rules! abis {
        ($($function:ident = $contract:literal,)*) => {$(
            pub fn $function() -> JsonAbi {
                const ARTIFACT: &str = include_str!(concat!("../../artifacts/", $contract, ".json"));
                // The artifact is part of the program: this fails always or never, and a test calls it.
                let object: ContractObject = serde_json::from_str(ARTIFACT).expect("the checked-in artifact is valid");
                object.abi.unwrap_or_default()
            }
        )*};
    }

    abis! {
        anchor = "Anchor",
        council_arbiter = "CouncilArbiter",
        disputes = "Disputes",
        licences = "Licences",
        staking = "Staking",
    }
}

/// The kinds of a work, in the registry's order.
pub const KINDS: [&str; 8] = ["CODE", "MODEL", "MUSIC", "TEXT", "IMAGE", "DATASET", "DESIGN", "PHYSICAL"];
/// The sides of an order, in the market's order.
pub const SIDES: [&str; 3] = ["SELL", "BID", "CRITERIA_BID"];

pub fn kind_name(kind: u8) -> Option<&'static str> {
    KINDS.get(usize::from(kind)).copied()
}

pub fn kind_number(name: &str) -> Option<u8> {
    KINDS.iter().position(|kind| *kind == name).map(|place| place as u8)
}

pub fn side_name(side: u8) -> Option<&'static str> {
    SIDES.get(usize::from(side)).copied()
}

pub fn side_number(name: &str) -> Option<u8> {
    SIDES.iter().position(|side| *side == name).map(|place| place as u8)
}

mod typed {
    // The order as EIP-712 names its fields' types: an enum is a uint8 there.
    super::sol! {
        #[derive(Debug)]
        struct Order {
            address maker;
            uint8 side;
            uint256 assetId;
            uint64 assetEpoch;
            address currency;
            uint256 startPrice;
            uint256 endPrice;
            uint64 startTime;
            uint64 endTime;
            address taker;
            uint256 nonce;
            uint64 makerEpoch;
            uint16 maxFeeBps;
            uint256 minNet;
        }
    }
}

/// The EIP-712 domain of a market.
pub fn market_domain(chain_id: u64, market: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Tributary Market",
        version: "1",
        chain_id: chain_id,
        verifying_contract: market,
    }
}

/// The EIP-712 domain of the disputes contract, whose parties sign a `Settlement`.
pub fn disputes_domain(chain_id: u64, disputes: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Tributary Disputes",
        version: "1",
        chain_id: chain_id,
        verifying_contract: disputes,
    }
}

/// What a maker signs, equal to the market's `hashOf`.
pub fn order_hash(order: &Order, chain_id: u64, market: Address) -> B256 {
    let typed = typed::Order {
        maker: order.maker,
        side: order.side,
        assetId: order.assetId,
        assetEpoch: order.assetEpoch,
        currency: order.currency,
        startPrice: order.startPrice,
        endPrice: order.endPrice,
        startTime: order.startTime,
        endTime: order.endTime,
        taker: order.taker,
        nonce: order.nonce,
        makerEpoch: order.makerEpoch,
        maxFeeBps: order.maxFeeBps,
        minNet: order.minNet,
    };
    typed.eip712_signing_hash(&market_domain(chain_id, market))
}

/// A revert's own error, by name and with its arguments, where it is one of ours.
pub fn explain_revert(data: &Bytes) -> Option<String> {
    macro_rules! first_of {
        ($($contract:ident :: $errors:ident),*) => {
            None$(.or_else(|| $contract::$errors::abi_decode(data).ok().map(|error| format!("{error:?}"))))*
        };
    }
    let text: Option<String> = first_of!(
        AssetRegistry::AssetRegistryErrors,
        Market::MarketErrors,
        Payouts::PayoutsErrors,
        Licences::LicencesErrors,
        Disputes::DisputesErrors,
        Staking::StakingErrors,
        Anchor::AnchorErrors,
        CouncilArbiter::CouncilArbiterErrors,
        AccessManager::AccessManagerErrors
    );
    text.map(|text| text.chars().take(400).collect())
}
