//! Makes what the market's contracts would log. Users act at random on a model of the contracts' state, so that every
//! number, epoch and running total is the one that the contracts would have written. The model is a value, so a fork
//! continues from a clone of an older one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy::{
    primitives::{Address, B256, FixedBytes, Log, LogData, U256, keccak256},
    sol_types::{SolEvent, SolValue},
};
use bindings::{
    Anchor, AssetRegistry, CouncilArbiter, Disputes, Licences, Market, Payouts, Share, Staking, Terms, Total,
};
use sha2::{Digest, Sha256};
use store::deployments::Deployment;

use super::{CHAIN_ID, Rng};

const DAY: u64 = 86_400;
/// How many works wait for their registration. The next one is drawn, so that forks register the same works in another
/// order.
const WAITING: u64 = 4;
const ENGINE: usize = 0;
const TREASURY: usize = 1;

/// A transaction: who called whom, and what was logged.
#[derive(Clone, Debug)]
pub struct Call {
    pub from: Address,
    pub to: Address,
    pub logs: Vec<Log>,
}

/// How many accounts act, and what there is besides the market's events.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub accounts: usize,
    /// Whether there are sometimes events that no mirror can decode.
    pub oddities: bool,
    /// Whether currencies log their own transfers too.
    pub currencies: bool,
}

/// What a mirror of the traffic must hold in the end, as far as this is known without mirroring.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Rows by table of schema `chain`.
    pub rows: BTreeMap<&'static str, u64>,
    /// Sums of columns.
    pub sums: BTreeMap<&'static str, U256>,
}

impl Truth {
    fn row(&mut self, table: &'static str) {
        *self.rows.entry(table).or_default() += 1;
    }

    fn sum(&mut self, column: &'static str, amount: U256) {
        *self.sums.entry(column).or_default() += amount;
    }
}

#[derive(Clone, Debug)]
struct Asset {
    owner: usize,
    epoch: u64,
    royalty_bps: u16,
    open: bool,
    frozen_until: u64,
    disputed: bool,
    inbox: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Maker {
    seq: u64,
    epoch: u64,
    nonce: u64,
}

/// What each contract counts.
#[derive(Clone, Copy, Debug, Default)]
struct Seqs {
    registry: u64,
    market: u64,
    payouts: u64,
    licences: u64,
    staking: u64,
    disputes: u64,
    council: u64,
}

#[derive(Clone, Debug)]
struct Offer {
    asset: u64,
    epoch: u64,
    terms_id: B256,
    currency: Address,
    price: u128,
    duration: u64,
}

#[derive(Clone, Debug)]
struct Licence {
    holder: usize,
    asset: u64,
    expires_at: u64,
    uses: u32,
}

#[derive(Clone, Debug)]
struct Dispute {
    id: u64,
    asset: u64,
    claimant: usize,
    respondent: usize,
    countered: bool,
    votes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    funded: U256,
    declared: U256,
    pending: U256,
    claimed: U256,
}

/// The state of all contracts, as far as their events depend on it.
#[derive(Clone, Debug)]
pub struct Traffic {
    deployment: Deployment,
    options: Options,
    accounts: Arc<[Address]>,
    currencies: [Address; 3],
    pub truth: Truth,
    seqs: Seqs,
    fee_bps: u16,
    assets: Vec<Asset>,
    waiting: Vec<u64>,
    makers: Vec<Maker>,
    credits: BTreeMap<(usize, usize), U256>,
    claims: BTreeMap<(usize, usize), U256>,
    tallies: [Tally; 3],
    roots: u64,
    pending_root: Option<B256>,
    offers: Vec<Offer>,
    licences: Vec<Licence>,
    stakes: BTreeMap<(u64, usize), U256>,
    joined: BTreeSet<(u64, usize, usize)>,
    exits: Vec<(usize, u64, U256)>,
    disputes: Vec<Dispute>,
    disputes_raised: u64,
    bonds: BTreeMap<usize, U256>,
    anchors: u64,
    anchored_size: u64,
    anchor_head: FixedBytes<22>,
}

fn named(name: &str) -> Address {
    Address::from_word(keccak256(name))
}

/// Returns the contracts of every simulated chain.
pub fn deployment() -> Deployment {
    Deployment {
        chain_id: facts::ChainId(CHAIN_ID),
        from_block: 1,
        access_manager: named("AccessManager"),
        payouts: named("Payouts"),
        asset_registry: named("AssetRegistry"),
        market: named("Market"),
        licences: named("Licences"),
        staking: named("Staking"),
        disputes: named("Disputes"),
        council: named("CouncilArbiter"),
        anchor: named("Anchor"),
    }
}

/// Draws an entry from a map, nearly evenly if the keys are evenly spaced.
fn drawn<K: Ord + Copy, V: Copy>(map: &BTreeMap<K, V>, from: K) -> Option<(K, V)> {
    map.range(from..).next().or_else(|| map.first_key_value()).map(|(key, value)| (*key, *value))
}

fn next(seq: &mut u64) -> u64 {
    *seq += 1;
    *seq
}

/// Returns a price or payment: from a millionth of a coin to a coin, in base units.
fn amount(rng: &mut Rng) -> U256 {
    U256::from(rng.below(1_000_000) + 1) * U256::from(1_000_000_000_000_u64)
}

/// Returns a content identifier as metadata has them: CIDv1, 59 characters.
fn cid(rng: &mut Rng) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut cid = String::from("bafkrei");
    for _ in 0..13 {
        let bits = rng.draw();
        cid.extend((0..4).map(|place| char::from(LETTERS[(bits >> (5 * place)) as usize & 31])));
    }
    cid
}

fn word(rng: &mut Rng) -> B256 {
    keccak256(rng.draw().to_be_bytes())
}

impl Traffic {
    /// Creates a market before its deployment.
    pub fn new(options: Options) -> Self {
        // There are an engine, a treasury, and at least two who trade with each other.
        let accounts = options.accounts.max(4);
        Self {
            deployment: deployment(),
            options,
            accounts: (0..accounts).map(|n| named(&format!("account {n}"))).collect(),
            currencies: [Address::ZERO, named("EURC"), named("USDC")],
            truth: Truth::default(),
            seqs: Seqs::default(),
            fee_bps: 0,
            assets: vec![],
            waiting: (0..WAITING).collect(),
            makers: vec![Maker::default(); accounts],
            credits: BTreeMap::new(),
            claims: BTreeMap::new(),
            tallies: [Tally::default(); 3],
            roots: 0,
            pending_root: None,
            offers: vec![],
            licences: vec![],
            stakes: BTreeMap::new(),
            joined: BTreeSet::new(),
            exits: vec![],
            disputes: vec![],
            disputes_raised: 0,
            bonds: BTreeMap::new(),
            anchors: 0,
            anchored_size: 0,
            anchor_head: FixedBytes::ZERO,
        }
    }

    /// Returns what the contracts log when they are deployed and tied to each other.
    pub fn deploy(&mut self) -> Vec<Call> {
        let contracts = self.deployment;
        let engine = self.accounts[ENGINE];
        let mut payouts = Call { from: engine, to: contracts.payouts, logs: vec![] };
        let seq = next(&mut self.seqs.payouts);
        self.emit(&mut payouts.logs, contracts.payouts, &Payouts::DelaySet { seq, delay: DAY, grace: 7 * DAY });
        let mut market = Call { from: engine, to: contracts.market, logs: vec![] };
        self.set_fee(&mut market.logs, 250);
        let mut staking = Call { from: engine, to: contracts.staking, logs: vec![] };
        let seq = next(&mut self.seqs.staking);
        let opened =
            Staking::Opened { seq, stakeToken: self.currencies[1], decimals: 18, registry: contracts.asset_registry };
        self.module(&mut staking.logs, contracts.staking, &opened);
        let mut disputes = Call { from: engine, to: contracts.disputes, logs: vec![] };
        let seq = next(&mut self.seqs.disputes);
        let bond = Disputes::BondSet { seq, bond: self.bond() };
        self.module(&mut disputes.logs, contracts.disputes, &bond);
        let seq = next(&mut self.seqs.disputes);
        self.module(&mut disputes.logs, contracts.disputes, &Disputes::ArbiterSet { seq, arbiter: contracts.council });
        let mut registry = Call { from: engine, to: contracts.asset_registry, logs: vec![] };
        let seq = next(&mut self.seqs.registry);
        let linked = AssetRegistry::Linked { seq, licences: contracts.licences, disputes: contracts.disputes };
        self.emit(&mut registry.logs, contracts.asset_registry, &linked);
        let seq = next(&mut self.seqs.registry);
        let base = AssetRegistry::BaseURISet { seq, baseURI: "https://market.example/works/".into() };
        self.emit(&mut registry.logs, contracts.asset_registry, &base);
        self.emit(&mut registry.logs, contracts.asset_registry, &AssetRegistry::ContractURIUpdated {});
        vec![payouts, market, staking, disputes, registry]
    }

    /// Returns the next transaction, in a block of this time. Most are sales.
    pub fn call(&mut self, rng: &mut Rng, time: u64) -> Call {
        let mut logs = vec![];
        let drawn = rng.below(1000);
        let to = if self.assets.len() < 8 {
            self.register(rng, time, &mut logs)
        } else if self.options.oddities && rng.below(100) == 0 {
            self.oddity(rng, &mut logs)
        } else {
            match drawn {
                0..110 => self.register(rng, time, &mut logs),
                110..150 => self.hand_over(rng, &mut logs),
                150..200 => self.fund(rng, &mut logs),
                200..270 => self.claim(rng, &mut logs),
                270..310 => self.cancel(rng, &mut logs),
                310..320 => self.cancel_all(rng, &mut logs),
                320..350 => self.stake(rng, time, &mut logs),
                350..365 => self.offer(rng, &mut logs),
                365..390 => self.licence(rng, time, &mut logs),
                390..395 => self.pass_licence_on(rng, &mut logs),
                395..405 => self.update_cid(rng, &mut logs),
                405..412 => self.lower_royalty(rng, &mut logs),
                412..420 => self.withdraw_credit(rng, &mut logs),
                420..430 => self.anchor(rng, time, &mut logs),
                430..440 => self.root(rng, time, &mut logs),
                440..446 => self.raise(rng, time, &mut logs),
                446..456 => self.decide(rng, time, &mut logs),
                456..462 => self.set_payout_address(rng, &mut logs),
                462..466 => self.deploy_inbox(rng, &mut logs),
                466..467 => {
                    let fee = (100 + rng.below(400)) as u16;
                    self.set_fee(&mut logs, fee)
                }
                _ => None,
            }
        };
        // If the drawn action is not possible now, it becomes a sale, or a cancellation, which is always possible.
        let done = to.or_else(|| self.sell(rng, time, &mut logs)).or_else(|| self.cancel_all(rng, &mut logs));
        let (from, to) = done.unwrap_or((ENGINE, self.deployment.market));
        Call { from: self.accounts[from], to, logs }
    }

    /// Returns a transaction with exactly one log.
    pub fn short_call(&mut self, rng: &mut Rng) -> Call {
        let mut logs = vec![];
        self.cancel_all(rng, &mut logs);
        Call { from: self.accounts[ENGINE], to: self.deployment.market, logs }
    }

    /// Returns the SHA-256, in hex, of a line `id owner epoch royalty_bps` for each asset, in order, joined by line feeds.
    pub fn assets_digest(&self) -> String {
        let lines: Vec<String> = self
            .assets
            .iter()
            .enumerate()
            .map(|(place, asset)| {
                let owner = alloy::hex::encode_prefixed(self.accounts[asset.owner]);
                format!("{} {owner} {} {}", place + 1, asset.epoch, asset.royalty_bps)
            })
            .collect();
        alloy::hex::encode(Sha256::digest(lines.join("\n")))
    }

    fn emit(&mut self, logs: &mut Vec<Log>, address: Address, event: &impl SolEvent) {
        self.truth.row("logs");
        logs.push(Log { address, data: event.encode_log_data() });
    }

    /// Logs an event of a module, which becomes a row as it is.
    fn module(&mut self, logs: &mut Vec<Log>, address: Address, event: &impl SolEvent) {
        self.truth.row("module_events");
        self.emit(logs, address, event);
    }

    fn anyone(&self, rng: &mut Rng) -> usize {
        2 + rng.below(self.accounts.len() as u64 - 2) as usize
    }

    fn someone_else(&self, rng: &mut Rng, than: usize) -> usize {
        let drawn = self.anyone(rng);
        if drawn != than {
            return drawn;
        }
        // There are at least two.
        if than + 1 < self.accounts.len() { than + 1 } else { 2 }
    }

    /// Returns an asset, newer ones more often.
    fn any_asset(&self, rng: &mut Rng) -> u64 {
        let count = self.assets.len() as u64;
        let back = rng.below(count).min(rng.below(count));
        count - back
    }

    fn asset(&mut self, id: u64) -> &mut Asset {
        &mut self.assets[id as usize - 1]
    }

    fn register(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let registry = self.deployment.asset_registry;
        let registrant = self.anyone(rng);
        let owner = if rng.chance(90) { registrant } else { self.anyone(rng) };
        let id = self.assets.len() as u64 + 1;
        let mut parents = BTreeSet::new();
        let mut uses = vec![];
        if !self.assets.is_empty() && rng.chance(40) {
            for _ in 0..=rng.below(3) {
                let parent = self.any_asset(rng);
                let (open, of) = (self.asset(parent).open, self.asset(parent).owner);
                let licence = self.licences.iter().rposition(|licence| {
                    licence.asset == parent && licence.holder == registrant && time < licence.expires_at
                });
                if !(open || of == registrant || parents.contains(&parent)) {
                    uses.extend(licence.map(|licence| (licence, parent)));
                }
                parents.insert(parent);
            }
        }
        // The registry asks for licences before it mints.
        for (licence, parent) in uses {
            let seq = next(&mut self.seqs.licences);
            self.licences[licence].uses += 1;
            let used = Licences::LicenceUsed {
                seq,
                licenceId: U256::from(licence + 1),
                assetId: U256::from(parent),
                childId: U256::from(id),
                uses: self.licences[licence].uses,
            };
            self.module(logs, self.deployment.licences, &used);
        }
        let mut accounts: Vec<Address> =
            (0..=rng.below(4)).map(|_| self.accounts[self.anyone(rng)]).chain([self.accounts[owner]]).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let part = 10_000 / accounts.len() as u16;
        let mut shares: Vec<Share> = accounts.into_iter().map(|account| Share { account, bps: part }).collect();
        shares[0].bps += 10_000 % shares.len() as u16;
        let place = rng.below(WAITING) as usize;
        let newest = self.waiting.iter().max().copied().unwrap_or_default();
        let content = std::mem::replace(&mut self.waiting[place], newest + 1);
        let royalty_bps = (rng.below(11) * 100) as u16;
        let open = rng.chance(70);
        let mint = AssetRegistry::Transfer { from: Address::ZERO, to: self.accounts[owner], tokenId: U256::from(id) };
        self.emit(logs, registry, &mint);
        let seq = next(&mut self.seqs.registry);
        let registered = AssetRegistry::Registered {
            seq,
            assetId: U256::from(id),
            registrant: self.accounts[registrant],
            to: self.accounts[owner],
            kind: rng.below(8) as u8,
            open,
            contentHash: keccak256(content.to_be_bytes()),
            royaltyBps: royalty_bps,
            cid: cid(rng),
            shares,
            parents: parents.iter().map(|parent| U256::from(*parent)).collect(),
        };
        self.emit(logs, registry, &registered);
        *self.truth.rows.entry("asset_parents").or_default() += parents.len() as u64;
        self.truth.row("registrations");
        self.truth.row("assets");
        let asset = Asset { owner, epoch: 0, royalty_bps, open, frozen_until: 0, disputed: false, inbox: false };
        self.assets.push(asset);
        Some((registrant, registry))
    }

    /// Logs an asset's new owner, both as ERC-721 does and with the registry's own numbering.
    fn transfer(&mut self, logs: &mut Vec<Log>, id: u64, to: usize) {
        let registry = self.deployment.asset_registry;
        let asset = self.asset(id);
        let from = std::mem::replace(&mut asset.owner, to);
        let epoch = next(&mut asset.epoch);
        let token = U256::from(id);
        let transfer = AssetRegistry::Transfer { from: self.accounts[from], to: self.accounts[to], tokenId: token };
        self.emit(logs, registry, &transfer);
        self.emit(logs, registry, &AssetRegistry::Transferred { assetId: token, epoch });
        self.truth.row("transfers");
        self.truth.sum("transfers.epoch", U256::from(epoch));
    }

    fn sell(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let id = (0..8).map(|_| self.any_asset(rng)).find(|id| self.assets[*id as usize - 1].frozen_until < time)?;
        let seller = self.asset(id).owner;
        let buyer = self.someone_else(rng, seller);
        let side = [0, 0, 0, 0, 0, 0, 0, 1, 1, 2][rng.below(10) as usize];
        let (maker, taker) = if side == 0 { (seller, buyer) } else { (buyer, seller) };
        // Bids are in tokens.
        let currency = if side == 0 && rng.chance(70) { 0 } else { 1 + rng.below(2) as usize };
        let price = amount(rng);
        let bps = |bps: u16| price * U256::from(bps) / U256::from(10_000);
        let (fee, royalty) = (bps(self.fee_bps), bps(self.asset(id).royalty_bps));
        let net = price - fee - royalty;
        self.transfer(logs, id, buyer);
        if self.options.currencies && currency != 0 {
            let paid = AssetRegistry::Transfer { from: self.accounts[buyer], to: self.accounts[seller], tokenId: net };
            // ERC-20's Transfer has the same topic, and its amount is data.
            let mut data = paid.encode_log_data();
            let topics = data.topics()[..3].to_vec();
            data = LogData::new_unchecked(topics, net.abi_encode().into());
            logs.push(Log { address: self.currencies[currency], data });
        }
        if rng.chance(2) {
            self.credit(logs, seller, currency, net);
        }
        let state = &mut self.makers[maker];
        state.nonce += 1;
        let (maker_seq, nonce) = (next(&mut state.seq), U256::from(state.nonce));
        let filled = Market::Filled {
            makerSeq: maker_seq,
            orderHash: word(rng),
            assetId: U256::from(id),
            maker: self.accounts[maker],
            taker: self.accounts[taker],
            side,
            currency: self.currencies[currency],
            price,
            fee,
            royalty,
            net,
            nonce,
        };
        self.emit(logs, self.deployment.market, &filled);
        self.truth.row("fills");
        self.truth.sum("fills.price", price);
        if !royalty.is_zero() {
            self.income(currency, royalty);
        }
        Some((taker, self.deployment.market))
    }

    fn income(&mut self, currency: usize, amount: U256) {
        self.tallies[currency].funded += amount;
        self.truth.row("incomes");
        self.truth.sum("incomes.amount", amount);
    }

    fn credit(&mut self, logs: &mut Vec<Log>, account: usize, currency: usize, amount: U256) {
        let credit = self.credits.entry((account, currency)).or_default();
        *credit += amount;
        let added = Market::CreditAdded {
            account: self.accounts[account],
            currency: self.currencies[currency],
            amount,
            credit: *credit,
        };
        self.emit(logs, self.deployment.market, &added);
        self.truth.row("credits");
    }

    fn withdraw_credit(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let ((account, currency), amount) = drawn(&self.credits, (self.anyone(rng), 0))?;
        self.credits.remove(&(account, currency));
        let withdrawn = Market::CreditWithdrawn {
            account: self.accounts[account],
            currency: self.currencies[currency],
            to: self.accounts[account],
            amount,
        };
        self.emit(logs, self.deployment.market, &withdrawn);
        self.truth.row("credits");
        Some((account, self.deployment.market))
    }

    fn hand_over(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let id = self.any_asset(rng);
        let from = self.asset(id).owner;
        let to = self.someone_else(rng, from);
        self.transfer(logs, id, to);
        Some((from, self.deployment.asset_registry))
    }

    fn fund(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let (from, id) = (self.anyone(rng), self.any_asset(rng));
        self.pay_in(rng, logs, from, id, "gift");
        Some((from, self.deployment.payouts))
    }

    fn pay_in(&mut self, rng: &mut Rng, logs: &mut Vec<Log>, from: usize, id: u64, reason: &str) {
        let currency = rng.below(3) as usize;
        let amount = amount(rng);
        let seq = next(&mut self.seqs.payouts);
        let funded = Payouts::Funded {
            seq,
            assetId: U256::from(id),
            token: self.currencies[currency],
            from: self.accounts[from],
            amount,
            reason: B256::right_padding_from(reason.as_bytes()),
            forwarded: false,
        };
        self.emit(logs, self.deployment.payouts, &funded);
        self.income(currency, amount);
    }

    fn claim(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let currency = (0..3).find(|currency| self.tallies[*currency].claimed < self.tallies[*currency].declared)?;
        let tally = &mut self.tallies[currency];
        let amount = ((tally.declared - tally.claimed) / U256::from(8 + rng.below(56))).max(U256::ONE);
        tally.claimed += amount;
        let account = self.anyone(rng);
        let cumulative = self.claims.entry((account, currency)).or_default();
        *cumulative += amount;
        let claimed = Payouts::Claimed {
            account: self.accounts[account],
            token: self.currencies[currency],
            to: self.accounts[account],
            amount,
            cumulative: *cumulative,
        };
        self.emit(logs, self.deployment.payouts, &claimed);
        self.truth.row("claims");
        self.truth.sum("claims.amount", amount);
        Some((account, self.deployment.payouts))
    }

    fn cancel(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let account = self.anyone(rng);
        let state = &mut self.makers[account];
        let count = 1 + rng.below(3);
        let nonces: Vec<U256> = (1..=count).map(|further| U256::from(state.nonce + further)).collect();
        state.nonce += count;
        let seq = next(&mut state.seq);
        *self.truth.rows.entry("cancelled_nonces").or_default() += count;
        let cancelled = Market::NoncesCancelled { makerSeq: seq, maker: self.accounts[account], nonces };
        self.emit(logs, self.deployment.market, &cancelled);
        Some((account, self.deployment.market))
    }

    fn cancel_all(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let account = self.anyone(rng);
        let state = &mut self.makers[account];
        let (seq, epoch) = (next(&mut state.seq), next(&mut state.epoch));
        let advanced = Market::MakerEpochAdvanced { makerSeq: seq, maker: self.accounts[account], makerEpoch: epoch };
        self.emit(logs, self.deployment.market, &advanced);
        self.truth.row("maker_epochs");
        Some((account, self.deployment.market))
    }

    fn set_fee(&mut self, logs: &mut Vec<Log>, fee_bps: u16) -> Option<(usize, Address)> {
        self.fee_bps = fee_bps;
        let seq = next(&mut self.seqs.market);
        let set = Market::FeeSet { seq, feeBps: fee_bps, feeRecipient: self.accounts[TREASURY] };
        self.emit(logs, self.deployment.market, &set);
        self.truth.row("fee_changes");
        Some((ENGINE, self.deployment.market))
    }

    fn update_cid(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let registry = self.deployment.asset_registry;
        let id = self.any_asset(rng);
        let seq = next(&mut self.seqs.registry);
        self.emit(logs, registry, &AssetRegistry::CidUpdated { seq, assetId: U256::from(id), cid: cid(rng) });
        self.emit(logs, registry, &AssetRegistry::MetadataUpdate { _tokenId: U256::from(id) });
        self.truth.row("cid_updates");
        Some((self.asset(id).owner, registry))
    }

    fn lower_royalty(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let id = self.any_asset(rng);
        let asset = self.asset(id);
        if asset.epoch != 0 || asset.royalty_bps == 0 {
            return None;
        }
        asset.royalty_bps /= 2;
        let (owner, royalty_bps) = (asset.owner, asset.royalty_bps);
        let seq = next(&mut self.seqs.registry);
        let lowered = AssetRegistry::RoyaltyLowered { seq, assetId: U256::from(id), royaltyBps: royalty_bps };
        self.emit(logs, self.deployment.asset_registry, &lowered);
        self.truth.row("royalty_changes");
        Some((owner, self.deployment.asset_registry))
    }

    fn set_payout_address(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let (account, to) = (self.anyone(rng), self.anyone(rng));
        let seq = next(&mut self.seqs.payouts);
        let set = Payouts::PayoutAddressSet { seq, account: self.accounts[account], to: self.accounts[to] };
        self.emit(logs, self.deployment.payouts, &set);
        self.truth.row("payout_addresses");
        Some((account, self.deployment.payouts))
    }

    fn deploy_inbox(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let id = self.any_asset(rng);
        if std::mem::replace(&mut self.asset(id).inbox, true) {
            return None;
        }
        let seq = next(&mut self.seqs.payouts);
        let inbox = Address::from_word(keccak256(id.to_be_bytes()));
        self.emit(logs, self.deployment.payouts, &Payouts::InboxDeployed { seq, assetId: U256::from(id), inbox });
        self.truth.row("inboxes");
        Some((self.anyone(rng), self.deployment.payouts))
    }

    /// Proposes a root of what came in, or decides on the pending one.
    fn root(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let payouts = self.deployment.payouts;
        let Some(root) = self.pending_root.take() else {
            let mut totals: Vec<Total> = vec![];
            for (tally, token) in self.tallies.iter_mut().zip(self.currencies) {
                tally.pending = tally.declared + (tally.funded - tally.declared) / U256::from(2);
                totals.push(Total { token, amount: tally.pending });
            }
            totals.sort_unstable_by_key(|total| total.token);
            let root = word(rng);
            let (seq, number) = (next(&mut self.seqs.payouts), next(&mut self.roots));
            self.pending_root = Some(root);
            let proposed = Payouts::RootProposed {
                seq,
                number,
                root,
                dataCid: cid(rng),
                anchorSeq: self.anchors,
                totals,
                activatableAt: time + DAY,
            };
            self.emit(logs, payouts, &proposed);
            self.truth.row("root_proposals");
            return Some((ENGINE, payouts));
        };
        let (seq, number) = (next(&mut self.seqs.payouts), self.roots);
        self.truth.row("root_decisions");
        if rng.chance(10) {
            self.emit(logs, payouts, &Payouts::RootVetoed { seq, number, root });
            return Some((ENGINE, payouts));
        }
        let activated = Payouts::RootActivated { seq, number, root, graceUntil: time + 7 * DAY };
        self.emit(logs, payouts, &activated);
        for currency in 0..self.currencies.len() {
            let tally = &mut self.tallies[currency];
            let fresh = tally.pending - tally.declared;
            if currency != 0 && !fresh.is_zero() && rng.chance(10) {
                let seq = next(&mut self.seqs.payouts);
                let token = self.currencies[currency];
                self.emit(logs, payouts, &Payouts::TotalPassedOver { seq, number, token, amount: fresh });
                self.truth.row("totals_passed_over");
            } else {
                tally.declared = tally.pending;
            }
        }
        Some((ENGINE, payouts))
    }

    fn anchor(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let (seq, root) = (next(&mut self.anchors), word(rng));
        self.anchored_size += 1 + rng.below(100);
        let link = (self.anchor_head, U256::from(seq), root, U256::from(self.anchored_size), U256::from(time));
        self.anchor_head = FixedBytes::from_slice(&keccak256(link.abi_encode())[..22]);
        let anchored = Anchor::Anchored { seq, root, size: self.anchored_size, time, head: self.anchor_head };
        self.module(logs, self.deployment.anchor, &anchored);
        Some((ENGINE, self.deployment.anchor))
    }

    fn offer(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let licences = self.deployment.licences;
        let id = self.any_asset(rng);
        let Asset { owner, epoch, .. } = *self.asset(id);
        let terms = Terms {
            textHash: word(rng),
            cid: cid(rng),
            currency: self.currencies[rng.below(3) as usize],
            price: u128::from(rng.draw()),
            duration: [0, 365 * DAY][rng.below(2) as usize],
            revenueShareBps: 500,
            maxUses: 0,
            flags: 1 + 2 + 8,
        };
        let terms_id = keccak256(terms.abi_encode());
        let offer = Offer {
            asset: id,
            epoch,
            terms_id,
            currency: terms.currency,
            price: terms.price,
            duration: terms.duration,
        };
        self.offers.push(offer);
        let seq = next(&mut self.seqs.licences);
        let owner_address = self.accounts[owner];
        let offered = Licences::TermsOffered {
            seq,
            assetId: U256::from(id),
            termsId: terms_id,
            owner: owner_address,
            epoch,
            terms,
        };
        self.module(logs, licences, &offered);
        Some((owner, licences))
    }

    /// Buys a licence, or withdraws its offer.
    fn licence(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let licences = self.deployment.licences;
        let place = rng.below(self.offers.len() as u64) as usize;
        let offer = self.offers.get(place)?.clone();
        let Asset { owner, epoch, frozen_until, .. } = *self.asset(offer.asset);
        let token = U256::from(offer.asset);
        if epoch != offer.epoch || time <= frozen_until {
            // A transfer voids offers.
            self.offers.swap_remove(place);
            return None;
        }
        if rng.chance(20) {
            self.offers.swap_remove(place);
            let seq = next(&mut self.seqs.licences);
            let withdrawn = Licences::OfferWithdrawn { seq, assetId: token, termsId: offer.terms_id };
            self.module(logs, licences, &withdrawn);
            return Some((owner, licences));
        }
        let buyer = self.anyone(rng);
        let buyer_address = self.accounts[buyer];
        let expires_at = if offer.duration == 0 { u64::MAX } else { time + offer.duration };
        self.licences.push(Licence { holder: buyer, asset: offer.asset, expires_at, uses: 0 });
        let id = U256::from(self.licences.len());
        self.emit(logs, licences, &Licences::Transfer { from: Address::ZERO, to: buyer_address, tokenId: id });
        let seq = next(&mut self.seqs.licences);
        let bought = Licences::LicenceBought {
            seq,
            licenceId: id,
            assetId: token,
            termsId: offer.terms_id,
            buyer: buyer_address,
            to: buyer_address,
            currency: offer.currency,
            price: U256::from(offer.price),
            expiresAt: expires_at,
        };
        self.module(logs, licences, &bought);
        let currency = self.currencies.iter().position(|currency| *currency == offer.currency)?;
        let seq = next(&mut self.seqs.payouts);
        let funded = Payouts::Funded {
            seq,
            assetId: token,
            token: offer.currency,
            from: licences,
            amount: U256::from(offer.price),
            reason: B256::right_padding_from(b"licence"),
            forwarded: false,
        };
        self.emit(logs, self.deployment.payouts, &funded);
        self.income(currency, U256::from(offer.price));
        Some((buyer, licences))
    }

    fn pass_licence_on(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let place = rng.below(self.licences.len() as u64) as usize;
        let from = self.licences.get(place)?.holder;
        let to = self.someone_else(rng, from);
        self.licences[place].holder = to;
        let (id, sender, recipient) = (U256::from(place + 1), self.accounts[from], self.accounts[to]);
        let licences = self.deployment.licences;
        self.emit(logs, licences, &Licences::Transfer { from: sender, to: recipient, tokenId: id });
        let seq = next(&mut self.seqs.licences);
        let moved = Licences::LicenceTransferred { seq, licenceId: id, from: sender, to: recipient };
        self.module(logs, licences, &moved);
        Some((from, licences))
    }

    /// Stakes, takes stake out, withdraws it, or pays yield in or out.
    fn stake(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let staking = self.deployment.staking;
        let choice = rng.below(10);
        if choice == 9
            && let Some((account, exit, amount)) = self.exits.pop()
        {
            let seq = next(&mut self.seqs.staking);
            let to = self.accounts[account];
            self.module(logs, staking, &Staking::Withdrawn { seq, account: to, exit, to, amount });
            return Some((account, staking));
        }
        let from = (self.any_asset(rng), self.anyone(rng));
        match (choice, drawn(&self.stakes, from)) {
            (6 | 7, Some(((id, account), staked))) => {
                let amount = if rng.chance(50) { staked } else { (staked / U256::from(2)).max(U256::ONE) };
                if amount == staked {
                    self.stakes.remove(&(id, account));
                } else {
                    self.stakes.insert((id, account), staked - amount);
                }
                let seq = next(&mut self.seqs.staking);
                self.exits.push((account, seq, amount));
                let unstaked = Staking::Unstaked {
                    seq,
                    assetId: U256::from(id),
                    account: self.accounts[account],
                    amount,
                    readyAt: time + DAY,
                };
                self.module(logs, staking, &unstaked);
                Some((account, staking))
            }
            (5, Some(((id, account), _))) => {
                let seq = next(&mut self.seqs.staking);
                let to = self.accounts[account];
                let claimed = Staking::YieldClaimed {
                    seq,
                    assetId: U256::from(id),
                    token: self.currencies[1],
                    account: to,
                    to,
                    amount: amount(rng),
                };
                self.module(logs, staking, &claimed);
                Some((account, staking))
            }
            (4, _) => {
                let account = from.1;
                let seq = next(&mut self.seqs.staking);
                let funded = Staking::YieldFunded {
                    seq,
                    assetId: U256::from(from.0),
                    token: self.currencies[1],
                    from: self.accounts[account],
                    amount: amount(rng),
                    length: U256::from(7 * DAY),
                };
                self.module(logs, staking, &funded);
                Some((account, staking))
            }
            _ => {
                let (id, account) = from;
                let amount = amount(rng);
                *self.stakes.entry((id, account)).or_default() += amount;
                let (asset, address) = (U256::from(id), self.accounts[account]);
                let seq = next(&mut self.seqs.staking);
                self.module(logs, staking, &Staking::Staked { seq, assetId: asset, account: address, amount });
                let currency = rng.below(3) as usize;
                if self.joined.insert((id, account, currency)) {
                    let seq = next(&mut self.seqs.staking);
                    let token = self.currencies[currency];
                    self.module(logs, staking, &Staking::Joined { seq, assetId: asset, account: address, token });
                }
                Some((account, staking))
            }
        }
    }

    fn bond(&self) -> U256 {
        U256::from(50_000_000_000_000_000_u64)
    }

    fn freeze(&mut self, logs: &mut Vec<Log>, id: u64, until: u64) {
        self.asset(id).frozen_until = until;
        let seq = next(&mut self.seqs.registry);
        let frozen = AssetRegistry::FrozenUntilSet { seq, assetId: U256::from(id), until };
        self.emit(logs, self.deployment.asset_registry, &frozen);
        self.truth.row("freezes");
    }

    fn raise(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let disputes = self.deployment.disputes;
        let asset = self.any_asset(rng);
        let Asset { owner: respondent, disputed, frozen_until, .. } = *self.asset(asset);
        if disputed || time <= frozen_until {
            return None;
        }
        self.asset(asset).disputed = true;
        let claimant = self.someone_else(rng, respondent);
        let id = next(&mut self.disputes_raised);
        self.disputes.push(Dispute { id, asset, claimant, respondent, countered: false, votes: 0 });
        let seq = next(&mut self.seqs.disputes);
        let deadline = time + 7 * DAY;
        let raised = Disputes::Raised {
            seq,
            disputeId: U256::from(id),
            assetId: U256::from(asset),
            claimant: self.accounts[claimant],
            respondent: self.accounts[respondent],
            arbiter: self.deployment.council,
            bond: self.bond(),
            deadline,
            evidenceCid: cid(rng),
        };
        self.module(logs, disputes, &raised);
        self.freeze(logs, asset, deadline + 14 * DAY);
        Some((claimant, disputes))
    }

    /// Takes the next step of a dispute: the answer, the votes or the ruling. Or lets a party take its bond.
    fn decide(&mut self, rng: &mut Rng, time: u64, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let (disputes, council) = (self.deployment.disputes, self.deployment.council);
        if rng.chance(30)
            && let Some((account, amount)) = drawn(&self.bonds, self.anyone(rng))
        {
            self.bonds.remove(&account);
            let seq = next(&mut self.seqs.disputes);
            let to = self.accounts[account];
            self.module(logs, disputes, &Disputes::BondWithdrawn { seq, account: to, to, amount });
            return Some((account, disputes));
        }
        let place = rng.below(self.disputes.len() as u64) as usize;
        let dispute = self.disputes.get_mut(place)?;
        let id = U256::from(dispute.id);
        if !dispute.countered {
            dispute.countered = true;
            let respondent = dispute.respondent;
            let seq = next(&mut self.seqs.disputes);
            let countered =
                Disputes::Countered { seq, disputeId: id, deadline: time + 14 * DAY, evidenceCid: cid(rng) };
            self.module(logs, disputes, &countered);
            return Some((respondent, disputes));
        }
        let votes = next(&mut dispute.votes);
        let (asset, claimant) = (dispute.asset, dispute.claimant);
        let member = TREASURY;
        let seq = next(&mut self.seqs.council);
        let voted = CouncilArbiter::Voted {
            seq,
            disputeId: id,
            member: self.accounts[member],
            ruling: 1,
            votes: U256::from(votes),
        };
        self.module(logs, council, &voted);
        if votes == 2 {
            self.disputes.swap_remove(place);
            self.asset(asset).disputed = false;
            let bonds = self.bond() * U256::from(2);
            *self.bonds.entry(claimant).or_default() += bonds;
            let until = time + 30 * DAY;
            let seq = next(&mut self.seqs.disputes);
            let closed = Disputes::Closed {
                seq,
                disputeId: id,
                assetId: U256::from(asset),
                outcome: 1,
                toClaimant: bonds,
                toRespondent: U256::ZERO,
                frozenUntil: until,
                termsHash: B256::ZERO,
            };
            self.module(logs, disputes, &closed);
            self.freeze(logs, asset, until);
        }
        Some((member, council))
    }

    /// Logs something that a mirror cannot decode but must keep: an asset id that is too large, an unknown topic, or a
    /// body that is cut short.
    fn oddity(&mut self, rng: &mut Rng, logs: &mut Vec<Log>) -> Option<(usize, Address)> {
        let contracts = self.deployment;
        let account = self.anyone(rng);
        let from = self.accounts[account];
        self.truth.row("quarantine");
        match rng.below(3) {
            0 => {
                let seq = next(&mut self.seqs.payouts);
                let funded = Payouts::Funded {
                    seq,
                    assetId: U256::MAX,
                    token: Address::ZERO,
                    from,
                    amount: amount(rng),
                    reason: B256::ZERO,
                    forwarded: false,
                };
                self.emit(logs, contracts.payouts, &funded);
                Some((account, contracts.payouts))
            }
            1 => {
                self.truth.row("logs");
                // Its first word is not a number that a contract would reach.
                let data = LogData::new_unchecked(vec![word(rng)], U256::MAX.abi_encode().into());
                logs.push(Log { address: contracts.market, data });
                Some((account, contracts.market))
            }
            _ => {
                let seq = next(&mut self.seqs.staking);
                let staked = Staking::Staked { seq, assetId: U256::ONE, account: from, amount: U256::ONE };
                let whole = staked.encode_log_data();
                let data = LogData::new_unchecked(whole.topics().to_vec(), whole.data.slice(..32));
                self.truth.row("logs");
                logs.push(Log { address: contracts.staking, data });
                Some((account, contracts.staking))
            }
        }
    }
}
