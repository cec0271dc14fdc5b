// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "../../src/interfaces/IAnchor.sol";
import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {ICouncilArbiter} from "../../src/interfaces/ICouncilArbiter.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IPayouts} from "../../src/interfaces/IPayouts.sol";
import {IRoyaltyInbox} from "../../src/interfaces/IRoyaltyInbox.sol";
import {IStaking} from "../../src/interfaces/IStaking.sol";
import {Actors} from "./Actors.sol";

/// @notice What the actors and the roles may do, in any order. Every action may fail, and some must.
contract Handler is Actors {
    /// @dev Who took part in which stream.
    struct Position {
        address account;
        uint256 assetId;
        address currency;
    }

    /// @dev A nonce that was filled or cancelled.
    struct Spent {
        address maker;
        uint256 nonce;
    }

    IMarket.Order internal lastOrder;
    bytes internal lastSignature;
    uint256 internal nonces;
    Due[] internal dues;
    bytes32[] internal knownTerms;
    uint256[] internal knownTermsOf;
    uint64[] internal exits;
    address[] internal exitOf;
    Position[] internal positions;
    Spent[] internal spent;

    // ------------------------------------------------------------------------------------------------------- registry

    function register(uint256 seed, uint16 royaltyBps, uint8 parents, bool open, uint256 licenceId) external {
        address actor = _actor(seed);
        IAssetRegistry.Registration memory r = _registration(actor, keccak256(abi.encode("work", count + 1)));
        r.royaltyBps = royaltyBps % 5500;
        r.open = open;
        r.parents = new uint256[](count == 0 ? 0 : parents % 3);
        if (r.parents.length != 0) r.parents[0] = _asset(seed);
        if (r.parents.length == 2) r.parents[1] = r.parents[0] + 1 + licenceId % 2;
        if (licenceCount != 0 && r.parents.length == 1) {
            r.consents = new bytes[](1);
            r.consents[0] = abi.encode(licenceId % licenceCount + 1);
        }
        bytes memory call = abi.encodeCall(IAssetRegistry.register, (r));
        if (!_try("register", actor, address(registry), 0, call)) return;
        _refused(9, _actor(seed / 2), address(registry), 0, call);
    }

    /// @dev A licence that is exclusive, or that runs beside none that is, and three works under it.
    function derive(uint256 seed, uint256 actorSeed) external {
        if (count == 0) return;
        (uint256 id, address actor) = (_asset(seed), _actor(actorSeed));
        ILicences.Terms memory terms = _terms(0, address(0), 10, uint32(seed % 3), uint64(1 + seed % 30 days));
        bytes memory plain = _offer(id, terms, actor);
        terms.flags |= 4;
        bytes memory exclusive = _offer(id, terms, actor);
        if (actorSeed / ACTORS % 2 == 0) (plain, exclusive) = (exclusive, plain);
        if (!_try("buyLicence", actor, address(licenceNft), 0, plain)) return;
        _refused(24, actor, address(licenceNft), 0, exclusive);
        uint256 licenceId = licenceCount;
        for (uint256 i; i < 3; ++i) {
            IAssetRegistry.Registration memory r = _registration(actor, keccak256(abi.encode("work", count + 1)));
            (r.open, r.parents, r.consents) = (seed % 2 == 0, new uint256[](1), new bytes[](1));
            (r.parents[0], r.consents[0]) = (id, abi.encode(licenceId));
            _try("derive", actor, address(registry), 0, abi.encodeCall(IAssetRegistry.register, (r)));
        }
    }

    /// @dev Offers, and says how to buy.
    function _offer(uint256 id, ILicences.Terms memory terms, address buyer) private returns (bytes memory) {
        _try("offer", assets[id].owner, address(licenceNft), 0, abi.encodeCall(ILicences.offer, (id, terms)));
        return abi.encodeCall(ILicences.buy, (keccak256(abi.encode(terms)), id, buyer, 0));
    }

    function transfer(uint256 seed, uint256 to) external {
        if (count == 0) return;
        uint256 id = _asset(seed);
        address owner = assets[id].owner;
        bytes memory call = _sale(owner, id, nonces++);
        _give(id, _actor(to));
        if (to / ACTORS % 2 == 0) return;
        // It comes back, but the order of before is of an old epoch.
        _give(id, owner);
        _refused(5, _actor(seed / 2), address(market), 1 gwei, call);
    }

    /// @dev A freeze stops sales, not transfers.
    function _give(uint256 id, address to) private {
        address owner = assets[id].owner;
        bytes memory call = abi.encodeWithSignature("transferFrom(address,address,uint256)", owner, to, id);
        _granted(20, "transfer", owner, address(registry), call);
    }

    function lowerRoyalty(uint256 seed, uint16 royaltyBps) external {
        if (count == 0) return;
        // Only before the first transfer: mostly the newest.
        uint256 id = seed % 4 == 0 ? _asset(seed) : count;
        bytes memory call = abi.encodeCall(IAssetRegistry.lowerRoyalty, (id, royaltyBps % 6000));
        _try("lowerRoyalty", assets[id].owner, address(registry), 0, call);
    }

    // --------------------------------------------------------------------------------------------------------- market

    function trade(uint256 seed, uint256 takerSeed, uint96 start, uint96 end, uint32 at, uint256 mode) external {
        if (count == 0) return;
        uint256 id = _asset(seed);
        (address maker, address taker) = (assets[id].owner, _actor(takerSeed));
        address currency = currencies[mode % 5];
        bool bid = mode / 5 % 3 == 2;
        if (bid) (maker, taker) = (taker, maker);
        IMarket.Order memory order = _sell(maker, id, start % 1e15, currency);
        if (bid) order.side = IMarket.Side.BID;
        order.endPrice = end % 1e15;
        order.nonce = mode / 15 % 4 == 0 ? nonces++ + 1000 : nonces++;
        order.maxFeeBps = uint16(mode % 700);
        order.minNet = mode / 60 % 8 == 0 ? end % 1e15 : 0;
        bytes memory signature = _sign(keys[maker], order);
        skip(at % 1 days);
        IMarket.Quote memory quote = market.quote(order, id);
        uint256 value = currency == address(0) ? quote.price + takerSeed % 2 : 0;
        bytes memory call = abi.encodeCall(IMarket.fill, (order, signature, bid ? 0 : type(uint256).max));
        if (!_try(bid ? bytes32("bid") : bytes32("sale"), taker, address(market), value, call)) return;
        _law(6, quote.net >= order.minNet && feeBps <= order.maxFeeBps);
        _law(5, order.assetEpoch + 1 == registry.epochOf(id));
        (lastOrder, lastSignature) = (order, signature);
        spent.push(Spent(maker, order.nonce));
    }

    /// @dev The last order again, and a new one under a nonce that is spent.
    function replay(uint256 seed) external {
        if (lastOrder.maker != address(0)) {
            address taker = lastOrder.side == IMarket.Side.BID ? assets[lastOrder.assetId].owner : _actor(seed);
            bytes memory call = abi.encodeCall(IMarket.fill, (lastOrder, lastSignature, type(uint256).max));
            if (lastOrder.side == IMarket.Side.BID) call = abi.encodeCall(IMarket.fill, (lastOrder, lastSignature, 0));
            _refused(4, taker, address(market), 1e15, call);
        }
        if (spent.length != 0 && count != 0) {
            Spent storage one = spent[seed % spent.length];
            _refused(4, _actor(seed), address(market), 1 gwei, _sale(one.maker, _asset(seed), one.nonce));
        }
    }

    /// @dev The fill of an order to which nothing can be objected but its nonce, its epoch or a freeze.
    function _sale(address maker, uint256 id, uint256 nonce) private returns (bytes memory) {
        if (assets[id].owner != maker) _give(id, maker);
        IMarket.Order memory order = _sell(maker, id, 1 gwei, address(0));
        (order.nonce, order.maxFeeBps) = (nonce, 500);
        return abi.encodeCall(IMarket.fill, (order, _sign(keys[maker], order), 1 gwei));
    }

    function cancel(uint256 seed, uint256 nonce) external {
        address actor = _actor(seed);
        uint256[] memory list = new uint256[](2);
        (list[0], list[1]) = (nonces++, nonce % 300);
        _granted(20, "cancel", actor, address(market), abi.encodeCall(IMarket.cancel, (list)));
        spent.push(Spent(actor, list[seed / ACTORS % 2]));
    }

    function cancelAll(uint256 seed) external {
        if (count == 0) return;
        address actor = _actor(seed);
        bytes memory call = _sale(actor, _asset(seed), nonces++);
        _granted(20, "cancelAll", actor, address(market), abi.encodeCall(IMarket.cancelAll, ()));
        _refused(5, _actor(seed / 2), address(market), 1 gwei, call);
    }

    function withdrawCredit(uint256 seed, uint256 currencySeed) external {
        address actor = _actor(seed % 4);
        address currency = currencies[currencySeed % 5];
        if (creditOf[actor][currency] == 0) return;
        bytes memory call = abi.encodeCall(IMarket.withdrawCredit, (currency, stranger));
        _granted(20, "withdrawCredit", actor, address(market), call);
    }

    /// @dev Anyone delivers, to the pot above all.
    function deliverCredit(uint256 seed, uint256 currencySeed) external {
        address account = seed % 2 == 0 ? payouts.pot() : _actor(seed);
        bytes memory call = abi.encodeCall(IMarket.deliverCredit, (account, currencies[currencySeed % 5]));
        _try("deliverCredit", stranger, address(market), 0, call);
    }

    function setFee(uint16 newFeeBps) external {
        bytes memory call = abi.encodeCall(IMarket.setFee, (newFeeBps % 600, actors[newFeeBps % 4]));
        _try("setFee", governor, address(market), 0, call);
    }

    // -------------------------------------------------------------------------------------------------------- payouts

    function fund(uint256 seed, uint96 amount, uint256 currencySeed) external {
        address currency = currencies[currencySeed % 5];
        bytes memory call = abi.encodeCall(IPayouts.fund, (seed, currency, amount % 1e15, "test"));
        _try("fund", _actor(seed), address(payouts), currency == address(0) ? amount % 1e15 : 0, call);
    }

    /// @dev Royalties of foreign markets.
    function sweep(uint256 seed, uint64 amount, bool native) external {
        if (count == 0 || amount == 0) return;
        uint256 id = _asset(seed);
        address currency = native ? address(0) : address(token);
        address inbox = payouts.inboxOf(id);
        if (native) vm.deal(inbox, inbox.balance + amount);
        else token.mint(inbox, amount);
        if (!_try("deployInbox", stranger, address(payouts), 0, abi.encodeCall(IPayouts.deployInbox, (id)))) return;
        uint256 before = _balance(currency, payouts.pot());
        uint256 held = _balance(currency, inbox);
        uint256 funded = fundedOf[currency];
        _granted(16, "sweep", stranger, inbox, abi.encodeCall(IRoyaltyInbox.sweep, (currency)));
        _law(16, _balance(currency, payouts.pot()) - before == held && fundedOf[currency] - funded == held);
        _law(16, IRoyaltyInbox(inbox).assetId() == id);
    }

    /// @dev Promises part of what is not yet promised to everyone; a hostile engine promises three times as much as the
    /// totals say, and declares more than there is.
    function propose(uint256 seed, bool hostile) public {
        if (pendingRoot != 0) {
            IPayouts.Total[] memory none;
            _refused(15, engine, address(payouts), 0, abi.encodeCall(IPayouts.propose, ("x", CID, 0, none)));
            return;
        }
        delete dues;
        IPayouts.Total[] memory totals = new IPayouts.Total[](4);
        for (uint256 i; i < totals.length; ++i) {
            address currency = currencies[i < 2 ? i : i + 1];
            uint256 sum = _promise(currency, seed, hostile);
            uint256 amount = sum > forwardedOf[currency] ? sum - forwardedOf[currency] : 0;
            if (hostile && seed % 3 == 0) amount = type(uint256).max;
            uint256 at = i;
            for (; at != 0 && totals[at - 1].token > currency; --at) {
                totals[at] = totals[at - 1];
            }
            totals[at] = IPayouts.Total({token: currency, amount: amount});
        }
        (bytes32 root,) = _tree(_leaves(dues), 0);
        bytes memory call = abi.encodeCall(IPayouts.propose, (root, CID, 0, totals));
        _try(hostile ? bytes32("proposeHostile") : bytes32("propose"), engine, address(payouts), 0, call);
    }

    /// @return sum What is promised to everyone, without what a hostile engine adds.
    function _promise(address currency, uint256 seed, bool hostile) private returns (uint256 sum) {
        for (uint256 i; i < ACTORS; ++i) {
            sum += promised[actors[i]][currency];
        }
        uint256 each = sum < fundedOf[currency] ? (fundedOf[currency] - sum) / ACTORS : 0;
        for (uint256 i; i < ACTORS; ++i) {
            uint256 more = each == 0 ? 0 : uint256(keccak256(abi.encode(seed, currency, i))) % each;
            sum += more;
            dues.push(_due(actors[i], currency, promised[actors[i]][currency] + (hostile ? 3 * more : more)));
        }
    }

    /// @dev A token that blocks accounts refuses to pay the pot, or Payouts, or pays them again.
    function blockPot(uint256 seed) external {
        blocking.setBlocked(seed % 2 == 0 ? payouts.pot() : address(payouts), seed / 2 % 3 == 0);
        ++done["blockPot"];
    }

    function veto() external {
        if (pendingRoot == 0) return;
        _try("veto", guardian, address(payouts), 0, abi.encodeCall(IPayouts.veto, ()));
        _refused(15, stranger, address(payouts), 0, abi.encodeCall(IPayouts.activate, ()));
    }

    /// @dev Mostly with a root to activate.
    function activate(uint32 wait, uint256 seed, bool hostile) external {
        if (pendingRoot == 0 && seed % 4 != 0) propose(seed, hostile);
        skip(wait % (4 * DELAY));
        bytes memory call = abi.encodeCall(IPayouts.activate, ());
        if (pendingRoot == 0 || block.timestamp < activatableAt) {
            _refused(15, stranger, address(payouts), 0, call);
            return;
        }
        if (!_try("activate", stranger, address(payouts), 0, call)) return _law(15, false);
        for (uint256 i; i < dues.length; ++i) {
            promised[dues[i].account][dues[i].token] = dues[i].cumulative;
        }
    }

    function claim(uint256 seed) external {
        if (activeRoot == 0 || dues.length == 0) return;
        bytes32[] memory leaves = _leaves(dues);
        for (uint256 i; i < ACTORS; ++i) {
            _claim((seed % dues.length + i) % dues.length, leaves);
        }
    }

    function _claim(uint256 index, bytes32[] memory leaves) private {
        Due memory due = dues[index];
        (bytes32 root, bytes32[] memory proof) = _tree(leaves, index);
        bytes memory call = abi.encodeCall(IPayouts.claim, (due.account, due.token, due.cumulative, proof));
        if (root != activeRoot) return _refused(13, stranger, address(payouts), 0, call);
        _try("claim", stranger, address(payouts), 0, call);
        // More than was proven, and the same once more.
        bytes memory more = abi.encodeCall(IPayouts.claim, (due.account, due.token, due.cumulative + 1, proof));
        _refused(13, stranger, address(payouts), 0, more);
        if (paidOf[due.account][due.token] == due.cumulative) _refused(13, stranger, address(payouts), 0, call);
    }

    function setPayoutAddress(uint256 seed, uint256 to) external {
        address chosen = to % 3 == 0 ? address(0) : _actor(to);
        bytes memory call = abi.encodeCall(IPayouts.setPayoutAddress, (chosen));
        _granted(20, "setPayoutAddress", _actor(seed), address(payouts), call);
    }

    // ------------------------------------------------------------------------------------------------------- licences

    function offer(uint256 seed, uint64 price, uint8 flags, uint32 maxUses, uint32 duration, uint256 currencySeed)
        external
    {
        if (count == 0) return;
        uint256 id = _asset(seed);
        address currency = currencies[currencySeed % 5];
        // Uses and transfers are rare without it.
        flags |= seed % 2 == 0 ? 10 : 0;
        ILicences.Terms memory terms = _terms(price % 1e12, currency, flags % 32, maxUses % 3, duration % 30 days);
        if (!_try("offer", assets[id].owner, address(licenceNft), 0, abi.encodeCall(ILicences.offer, (id, terms)))) {
            return;
        }
        knownTerms.push(keccak256(abi.encode(terms)));
        knownTermsOf.push(id);
    }

    function buyLicence(uint256 seed, uint256 actorSeed) external {
        if (knownTerms.length == 0) return;
        uint256 at = seed % knownTerms.length;
        address actor = _actor(actorSeed);
        ILicences.Terms memory terms = termsOf[knownTerms[at]];
        uint256 value = terms.currency == address(0) ? terms.price : 0;
        bytes memory call = abi.encodeCall(ILicences.buy, (knownTerms[at], knownTermsOf[at], actor, terms.price));
        _try("buyLicence", actor, address(licenceNft), value, call);
    }

    function transferLicence(uint256 seed, uint256 to) external {
        if (licenceCount == 0) return;
        uint256 id = seed % licenceCount + 1;
        address holder = licenceOf[id].holder;
        bytes memory call = abi.encodeWithSignature("transferFrom(address,address,uint256)", holder, _actor(to), id);
        _try("transferLicence", holder, address(licenceNft), 0, call);
    }

    // -------------------------------------------------------------------------------------------------------- staking

    function stake(uint256 seed, uint256 assetSeed, uint96 amount, uint256 currencySeed) external {
        if (count == 0) return;
        (address actor, uint256 id) = (_actor(seed), _asset(assetSeed));
        address[] memory joined = new address[](1);
        joined[0] = currencySeed % 6 == 5 ? address(stakeToken) : currencies[currencySeed % 5];
        bytes memory call = abi.encodeCall(IStaking.stake, (id, amount % 2000e6, joined));
        if (_try("stake", actor, address(staking), 0, call)) positions.push(Position(actor, id, joined[0]));
    }

    function unstake(uint256 seed, uint256 assetSeed, uint96 amount) external {
        if (count == 0) return;
        (address actor, uint256 id) = (_actor(seed), _asset(assetSeed));
        uint256 staked = stakeOf[actor][id];
        if (staked == 0) return;
        uint64 exit = staking.eventSeq() + 1;
        bytes memory call = abi.encodeCall(IStaking.unstake, (id, 1 + amount % staked));
        _granted(20, "unstake", actor, address(staking), call);
        exits.push(exit);
        exitOf.push(actor);
    }

    function withdrawStake(uint256 seed, uint32 wait) external {
        if (exits.length == 0) return;
        uint256 at = seed % exits.length;
        (uint64 exit, address actor) = (exits[at], exitOf[at]);
        bytes memory call = abi.encodeCall(IStaking.withdraw, (exit, stranger));
        (, uint64 readyAt) = staking.coolingOf(actor, exit);
        if (coolingOf[actor][exit] != 0 && block.timestamp < readyAt) _refused(17, actor, address(staking), 0, call);
        skip(wait % 4 days);
        if (coolingOf[actor][exit] == 0 || block.timestamp < readyAt) return;
        _granted(20, "withdrawStake", actor, address(staking), call);
        _refused(17, actor, address(staking), 0, call);
    }

    function fundYield(uint256 seed, uint256 assetSeed, uint64 amount, uint32 duration, uint256 currencySeed) external {
        if (count == 0) return;
        (uint256 id, address currency) =
            (_asset(assetSeed), currencySeed % 6 == 5 ? address(stakeToken) : currencies[currencySeed % 5]);
        // Mostly where somebody takes part.
        if (positions.length != 0 && seed % 4 != 0) {
            Position storage one = positions[assetSeed % positions.length];
            (id, currency) = (one.assetId, one.currency);
        }
        uint256 value = currency == address(0) ? amount : 0;
        bytes memory call = abi.encodeCall(IStaking.fundYield, (id, currency, amount, 1 days + duration % 30 days));
        _try("fundYield", _actor(seed), address(staking), value, call);
    }

    function claimYield(uint32 wait) external {
        skip(wait % 3 days);
        for (uint256 i; i < positions.length; ++i) {
            Position storage one = positions[i];
            if (staking.claimableOf(one.account, one.assetId, one.currency) == 0) continue;
            bytes memory call = abi.encodeCall(IStaking.claimYield, (one.assetId, one.currency, stranger));
            _granted(20, "claimYield", one.account, address(staking), call);
        }
    }

    /// @dev Where nobody takes part, time passes without a drip.
    function idle(uint256 assetSeed, uint256 currencySeed, uint32 wait) external {
        if (count == 0) return;
        (uint256 id, address currency) = (_asset(assetSeed), currencies[currencySeed % 5]);
        IStaking.StreamState memory before = staking.streamOf(id, currency);
        skip(wait % 10 days);
        if (before.stake != 0) return;
        IStaking.StreamState memory later = staking.streamOf(id, currency);
        _law(19, later.undripped == before.undripped && later.clock == before.clock && later.index == before.index);
        ++done["idle"];
    }

    // -------------------------------------------------------------------------------------------- disputes, anchors

    function raise(uint256 seed, uint256 assetSeed) external {
        if (count == 0) return;
        bytes memory call = abi.encodeCall(IDisputes.raise, (_asset(assetSeed), CID));
        _try("raise", _actor(seed), address(dispute), dispute.bond(), call);
    }

    function counter(uint256 seed) external {
        if (disputeCount == 0) return;
        uint256 id = _disputeIn(IDisputes.Status.RAISED, seed);
        Bonds storage one = bondsOf[id];
        bytes memory call = abi.encodeCall(IDisputes.counter, (id, CID));
        _try("counter", one.respondent, address(dispute), one.bond, call);
    }

    function vote(uint256 seed, uint8 ruling) external {
        if (disputeCount == 0) return;
        uint256 id = _disputeIn(IDisputes.Status.COUNTERED, seed);
        bytes memory call = abi.encodeCall(ICouncilArbiter.vote, (id, IDisputes.Ruling(ruling % 3)));
        _try("vote", member, address(council), 0, call);
    }

    /// @dev One in this status, if there is any.
    function _disputeIn(IDisputes.Status status, uint256 seed) private view returns (uint256 id) {
        for (uint256 i; i < disputeCount; ++i) {
            id = (seed % disputeCount + i) % disputeCount + 1;
            if (bondsOf[id].status == status) return id;
        }
    }

    function settle(uint256 seed, uint256 part, uint32 freeze) external {
        if (disputeCount == 0) return;
        uint256 id = seed % disputeCount + 1;
        Bonds storage one = bondsOf[id];
        uint256 held = one.status == IDisputes.Status.COUNTERED ? 2 * one.bond : one.bond;
        IDisputes.Settlement memory settlement = IDisputes.Settlement({
            disputeId: id,
            toClaimant: part % (held + 1),
            toRespondent: held - part % (held + 1),
            frozenUntil: freeze % 2 == 0 ? 0 : uint64(block.timestamp + freeze % 180 days),
            termsHash: "terms",
            deadline: block.timestamp
        });
        bytes32 digest = dispute.hashOf(settlement);
        (bytes memory first, bytes memory second) =
            (_signDigest(keys[one.claimant], digest), _signDigest(keys[one.respondent], digest));
        _try("settle", stranger, address(dispute), 0, abi.encodeCall(IDisputes.settle, (settlement, first, second)));
    }

    /// @dev Once its time has come, every open dispute ends by the hand of anyone.
    function timeout(uint256 seed, uint32 wait) external {
        if (disputeCount == 0) return;
        uint256 id = seed % disputeCount + 1;
        Bonds storage one = bondsOf[id];
        if (one.status == IDisputes.Status.CLOSED) return;
        skip(wait % 40 days);
        bytes memory call = abi.encodeCall(IDisputes.timeout, (id));
        if (block.timestamp <= one.deadline) _refused(22, stranger, address(dispute), 0, call);
        else _granted(22, "timeout", stranger, address(dispute), call);
    }

    function release(uint256 seed) external {
        if (disputeCount == 0) return;
        uint256 id = seed % disputeCount + 1;
        _try("release", bondsOf[id].claimant, address(dispute), 0, abi.encodeCall(IDisputes.release, (id)));
    }

    function withdrawBond(uint256 seed) external {
        address actor = _actor(seed);
        if (withdrawableOf[actor] == 0) return;
        bytes memory call = abi.encodeCall(IDisputes.withdrawBond, (stranger));
        _granted(20, "withdrawBond", actor, address(dispute), call);
    }

    function anchor(bytes32 root, uint32 more) external {
        bytes memory call = abi.encodeCall(IAnchor.anchor, (root, anchorSize + more % 100));
        bool ok = _try("anchor", engine, address(ledger), 0, call);
        _law(23, ok == (root != 0 && more % 100 != 0));
    }

    // ---------------------------------------------------------------------------------------------------------- roles

    /// @dev Whoever does not hold a role does not get through. The whole table is in AccessMatrix.t.sol.
    function intrude(uint256 seed, uint256 who) external {
        address caller = _actor(who);
        if (seed % 7 == 0) _refused(26, caller, address(market), 0, abi.encodeCall(IMarket.setFee, (1, caller)));
        if (seed % 7 == 1) {
            _refused(26, caller, address(payouts), 0, abi.encodeCall(IPayouts.setDelay, (2 days, 2 days)));
        }
        if (seed % 7 == 2) _refused(26, caller, address(payouts), 0, abi.encodeCall(IPayouts.veto, ()));
        if (seed % 7 == 3) {
            _refused(26, caller, address(registry), 0, abi.encodeCall(IAssetRegistry.setFrozenUntil, (1, 1)));
        }
        if (seed % 7 == 4) {
            _refused(26, caller, address(licenceNft), 0, abi.encodeCall(ILicences.consume, (1, 1, caller, 1)));
        }
        if (seed % 7 == 5) _refused(26, caller, address(dispute), 0, abi.encodeCall(IDisputes.setBond, (1 ether)));
        if (seed % 7 == 6) _refused(26, caller, address(ledger), 0, abi.encodeCall(IAnchor.anchor, ("x", 1e9)));
    }

    // ---------------------------------------------------------------------------------------- what the invariants ask

    function modules() external view returns (address[10] memory) {
        return [
            address(registry),
            address(market),
            address(payouts),
            payouts.pot(),
            address(licenceNft),
            address(staking),
            address(dispute),
            address(council),
            address(ledger),
            address(stakeToken)
        ];
    }

    function assetInMirror(uint256 id) external view returns (Asset memory) {
        return assets[id];
    }

    function balance(address currency, address account) external view returns (uint256) {
        return _balance(currency, account);
    }

    function _signDigest(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
