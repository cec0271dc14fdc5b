// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "../../src/interfaces/IAnchor.sol";
import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {ICouncilArbiter} from "../../src/interfaces/ICouncilArbiter.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IPayouts} from "../../src/interfaces/IPayouts.sol";
import {IStaking} from "../../src/interfaces/IStaking.sol";
import {SystemTest} from "../System.t.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Reads logs as an indexer does, into a mirror of the state, and notes which laws of single events were broken.
/// Nothing here asks a contract.
abstract contract Mirror is SystemTest {
    struct Asset {
        address owner;
        uint64 epoch;
        uint64 frozenUntil;
        uint16 royaltyBps;
        bool open;
        bytes32 contentHash;
        bytes32 lineage;
    }

    struct Licence {
        uint256 assetId;
        address holder;
        uint64 expiresAt;
        uint32 uses;
        uint32 maxUses;
    }

    struct Bonds {
        IDisputes.Status status;
        uint256 assetId;
        address claimant;
        address respondent;
        uint256 bond;
        uint64 deadline;
    }

    /// @notice How often a law of CONTRACTS was broken, by its number; zero is for the numbers of events.
    mapping(uint256 law => uint256) public broken;

    mapping(address emitter => uint64) public seqOf;
    mapping(uint256 assetId => Asset) internal assets;
    mapping(bytes32 contentHash => uint256) public assetOf;
    uint256 public count;
    address internal transferFrom_;
    address internal transferTo_;

    mapping(address maker => mapping(uint256 nonce => bool)) public nonceUsed;
    mapping(address maker => uint64) public makerEpochOf;
    mapping(address maker => uint64) public makerSeqOf;
    mapping(address account => mapping(address currency => uint256)) public creditOf;
    uint16 public feeBps;
    address public feeRecipient;

    mapping(address currency => uint256) public fundedOf;
    mapping(address currency => uint256) public claimedOf;
    mapping(address currency => uint256) public declaredOf;
    mapping(address currency => uint256) public forwardedOf;
    mapping(uint64 number => mapping(address currency => uint256)) internal passedOver;
    mapping(address currency => uint256) internal proposedOf;
    mapping(address account => mapping(address currency => uint256)) public paidOf;
    mapping(address account => mapping(address currency => uint256)) public promised;
    mapping(address account => address) public payoutAddressOf;
    IPayouts.Total[] internal proposal;
    bytes32 public pendingRoot;
    bytes32 public activeRoot;
    uint64 internal activeNumber;
    uint64 public activatableAt;

    mapping(uint256 licenceId => Licence) public licenceOf;
    mapping(bytes32 termsId => ILicences.Terms) internal termsOf;
    mapping(uint256 assetId => uint64) public exclusiveUntil;
    mapping(uint256 assetId => uint64) public runningUntil;
    uint256 public licenceCount;

    mapping(address account => mapping(uint256 assetId => uint256)) public stakeOf;
    mapping(uint256 assetId => uint256) public totalStakeOf;
    mapping(address account => mapping(uint64 exit => uint256)) public coolingOf;
    uint256 public stakesAndCooling;
    mapping(address token => uint256) public yieldHeld;
    mapping(uint256 assetId => mapping(address token => uint256)) public yieldClaimed;

    mapping(uint256 disputeId => Bonds) public bondsOf;
    mapping(address account => uint256) public withdrawableOf;
    uint256 public bondsHeld;
    uint256 public disputeCount;

    uint64 public anchorSeq;
    uint64 public anchorSize;
    bytes22 public anchorHead;

    function _law(uint256 number, bool holds) internal {
        if (!holds) ++broken[number];
    }

    function _observe(Vm.Log[] memory logs) internal virtual {
        for (uint256 i; i < logs.length; ++i) {
            Vm.Log memory log = logs[i];
            if (log.emitter == address(registry)) _registry(log);
            else if (log.emitter == address(market)) _market(log);
            else if (log.emitter == address(payouts)) _payouts(log);
            else if (log.emitter == address(licenceNft)) _licences(log);
            else if (log.emitter == address(staking)) _staking(log);
            else if (log.emitter == address(dispute)) _disputes(log);
            else if (log.emitter == address(ledger)) _anchor(log);
            else if (log.emitter == address(council)) _council(log);
        }
    }

    /// @dev Numbers have no gaps.
    function _number(Vm.Log memory log) private {
        _law(0, uint64(uint256(_word(log.data, 0))) == ++seqOf[log.emitter]);
    }

    // ------------------------------------------------------------------------------------------------------- registry

    function _registry(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IERC721.Transfer.selector) {
            (transferFrom_, transferTo_) = (_address(log.topics[1]), _address(log.topics[2]));
        } else if (topic == IAssetRegistry.Transferred.selector) {
            Asset storage asset = assets[uint256(log.topics[1])];
            _law(0, asset.owner == transferFrom_);
            asset.owner = transferTo_;
            _law(0, uint64(uint256(_word(log.data, 0))) == ++asset.epoch);
        } else if (topic == IAssetRegistry.Registered.selector) {
            _number(log);
            _registered(log);
        } else if (topic == IAssetRegistry.RoyaltyLowered.selector) {
            _number(log);
            Asset storage asset = assets[uint256(log.topics[1])];
            uint16 royaltyBps = uint16(uint256(_word(log.data, 1)));
            _law(7, royaltyBps < asset.royaltyBps);
            asset.royaltyBps = royaltyBps;
        } else if (topic == IAssetRegistry.FrozenUntilSet.selector) {
            _number(log);
            assets[uint256(log.topics[1])].frozenUntil = uint64(uint256(_word(log.data, 1)));
        } else if (
            topic == IAssetRegistry.CidUpdated.selector || topic == IAssetRegistry.BaseURISet.selector
                || topic == IAssetRegistry.Linked.selector
        ) {
            _number(log);
        }
    }

    function _registered(Vm.Log memory log) private {
        uint256 id = uint256(log.topics[1]);
        (
            ,,
            bool open,
            bytes32 contentHash,
            uint16 royaltyBps,,
            IAssetRegistry.Share[] memory shares,
            uint256[] memory parents
        ) = abi.decode(log.data, (uint64, uint8, bool, bytes32, uint16, string, IAssetRegistry.Share[], uint256[]));
        address to = _address(log.topics[3]);
        _law(0, id == ++count);
        _law(7, royaltyBps <= 5000);
        _law(9, assetOf[contentHash] == 0);
        for (uint256 i; i < parents.length; ++i) {
            _law(8, parents[i] < id && parents[i] != 0);
        }
        bool plain = parents.length == 0 && shares.length == 1 && shares[0].account == to;
        assetOf[contentHash] = id;
        assets[id] = Asset({
            owner: to,
            epoch: 0,
            frozenUntil: 0,
            royaltyBps: royaltyBps,
            open: open,
            contentHash: contentHash,
            lineage: plain ? bytes32(0) : keccak256(abi.encode(parents, shares))
        });
    }

    // --------------------------------------------------------------------------------------------------------- market

    function _market(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IMarket.Filled.selector) {
            _filled(log);
        } else if (topic == IMarket.NoncesCancelled.selector) {
            (uint64 seq, uint256[] memory list) = abi.decode(log.data, (uint64, uint256[]));
            address maker = _address(log.topics[1]);
            _law(0, seq == ++makerSeqOf[maker]);
            for (uint256 i; i < list.length; ++i) {
                nonceUsed[maker][list[i]] = true;
            }
        } else if (topic == IMarket.MakerEpochAdvanced.selector) {
            (uint64 seq, uint64 epoch) = abi.decode(log.data, (uint64, uint64));
            address maker = _address(log.topics[1]);
            _law(0, seq == ++makerSeqOf[maker] && epoch == ++makerEpochOf[maker]);
        } else if (topic == IMarket.CreditAdded.selector) {
            (uint256 amount, uint256 credit) = abi.decode(log.data, (uint256, uint256));
            address account = _address(log.topics[1]);
            creditOf[account][_address(log.topics[2])] += amount;
            _law(0, credit == creditOf[account][_address(log.topics[2])]);
        } else if (topic == IMarket.CreditWithdrawn.selector) {
            (, uint256 amount) = abi.decode(log.data, (address, uint256));
            creditOf[_address(log.topics[1])][_address(log.topics[2])] -= amount;
        } else if (topic == IMarket.FeeSet.selector) {
            _number(log);
            (, feeBps, feeRecipient) = abi.decode(log.data, (uint64, uint16, address));
            _law(7, feeBps <= 500);
        }
    }

    function _filled(Vm.Log memory log) private {
        (
            uint64 seq,
            address taker,
            IMarket.Side side,
            address currency,
            uint256 price,
            uint256 fee,
            uint256 royalty,
            uint256 net,
            uint256 nonce
        ) = abi.decode(log.data, (uint64, address, IMarket.Side, address, uint256, uint256, uint256, uint256, uint256));
        address maker = _address(log.topics[3]);
        Asset storage asset = assets[uint256(log.topics[2])];
        _law(0, seq == ++makerSeqOf[maker]);
        _law(1, price == fee + royalty + net);
        _law(1, fee == price * feeBps / 10_000 && royalty == price * asset.royaltyBps / 10_000);
        _law(4, !nonceUsed[maker][nonce]);
        nonceUsed[maker][nonce] = true;
        _law(0, asset.owner == (side == IMarket.Side.SELL ? taker : maker));
        _law(20, block.timestamp > asset.frozenUntil);
        fundedOf[currency] += royalty;
    }

    // -------------------------------------------------------------------------------------------------------- payouts

    function _payouts(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IPayouts.Claimed.selector) {
            (address to, uint256 amount, uint256 cumulative) = abi.decode(log.data, (address, uint256, uint256));
            (address account, address token_) = (_address(log.topics[1]), _address(log.topics[2]));
            _law(0, paidOf[account][token_] + amount == cumulative);
            _law(13, amount != 0 && cumulative <= promised[account][token_]);
            address chosen = payoutAddressOf[account];
            _law(0, to == (chosen == address(0) ? account : chosen));
            paidOf[account][token_] = cumulative;
            claimedOf[token_] += amount;
            return;
        }
        if (topic == keccak256("AuthorityUpdated(address)")) return;
        _number(log);
        if (topic == IPayouts.Funded.selector) {
            address currency = _address(log.topics[2]);
            (, uint256 amount,, bool forwarded) = abi.decode(log.data, (uint64, uint256, bytes32, bool));
            fundedOf[currency] += amount;
            if (forwarded) forwardedOf[currency] += amount;
        } else if (topic == IPayouts.TotalPassedOver.selector) {
            _passedOver(uint64(uint256(log.topics[1])), _address(log.topics[2]), uint256(_word(log.data, 1)));
        } else if (topic == IPayouts.RootProposed.selector) {
            _law(15, pendingRoot == 0);
            (, string memory cid,, IPayouts.Total[] memory totals, uint64 at) =
                abi.decode(log.data, (uint64, string, uint64, IPayouts.Total[], uint64));
            delete proposal;
            for (uint256 i; i < totals.length; ++i) {
                proposal.push(totals[i]);
            }
            _law(15, at == block.timestamp + DELAY && bytes(cid).length != 0);
            (pendingRoot, activatableAt) = (log.topics[2], at);
        } else if (topic == IPayouts.RootVetoed.selector) {
            _law(15, pendingRoot == log.topics[2]);
            pendingRoot = 0;
        } else if (topic == IPayouts.RootActivated.selector) {
            _law(15, pendingRoot == log.topics[2] && block.timestamp >= activatableAt);
            (activeRoot, pendingRoot) = (pendingRoot, 0);
            activeNumber = uint64(uint256(log.topics[1]));
            for (uint256 i; i < proposal.length; ++i) {
                _declare(
                    proposal[i].token,
                    proposal[i].amount - passedOver[uint64(uint256(log.topics[1]))][proposal[i].token]
                );
            }
        } else if (topic == IPayouts.PayoutAddressSet.selector) {
            payoutAddressOf[_address(log.topics[1])] = _address(log.topics[2]);
        }
    }

    function _declare(address currency, uint256 amount) private {
        if (amount > declaredOf[currency]) declaredOf[currency] = amount;
    }

    /// @dev At a proposal, or after an activation, which has declared the whole total.
    function _passedOver(uint64 number, address currency, uint256 amount) private {
        passedOver[number][currency] += amount;
        if (number == activeNumber) declaredOf[currency] -= amount;
    }

    // ------------------------------------------------------------------------------------------------------- licences

    function _licences(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == ILicences.TermsOffered.selector) {
            _number(log);
            (,, ILicences.Terms memory terms) = abi.decode(log.data, (uint64, uint64, ILicences.Terms));
            termsOf[log.topics[2]] = terms;
        } else if (topic == ILicences.OfferWithdrawn.selector) {
            _number(log);
        } else if (topic == ILicences.LicenceBought.selector) {
            _number(log);
            (,, address to,,, uint64 expiresAt) =
                abi.decode(log.data, (uint64, address, address, address, uint256, uint64));
            uint256 assetId = uint256(log.topics[2]);
            ILicences.Terms storage terms = termsOf[log.topics[3]];
            bool exclusive = terms.flags & 4 != 0;
            _law(24, block.timestamp >= exclusiveUntil[assetId]);
            _law(24, !exclusive || block.timestamp >= runningUntil[assetId]);
            _law(20, block.timestamp > assets[assetId].frozenUntil);
            if (exclusive) exclusiveUntil[assetId] = expiresAt;
            if (expiresAt > runningUntil[assetId]) runningUntil[assetId] = expiresAt;
            _law(0, uint256(log.topics[1]) == ++licenceCount);
            licenceOf[licenceCount] = Licence(assetId, to, expiresAt, 0, terms.maxUses);
        } else if (topic == ILicences.LicenceUsed.selector) {
            _number(log);
            Licence storage licence = licenceOf[uint256(log.topics[1])];
            _law(24, uint32(uint256(_word(log.data, 1))) == ++licence.uses);
            _law(24, licence.maxUses == 0 || licence.uses <= licence.maxUses);
        } else if (topic == ILicences.LicenceTransferred.selector) {
            _number(log);
            licenceOf[uint256(log.topics[1])].holder = _address(log.topics[3]);
        }
    }

    // -------------------------------------------------------------------------------------------------------- staking

    function _staking(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        _number(log);
        if (topic == IStaking.Staked.selector) {
            uint256 amount = uint256(_word(log.data, 1));
            stakeOf[_address(log.topics[2])][uint256(log.topics[1])] += amount;
            totalStakeOf[uint256(log.topics[1])] += amount;
            stakesAndCooling += amount;
        } else if (topic == IStaking.Unstaked.selector) {
            (uint64 seq, uint256 amount,) = abi.decode(log.data, (uint64, uint256, uint64));
            stakeOf[_address(log.topics[2])][uint256(log.topics[1])] -= amount;
            totalStakeOf[uint256(log.topics[1])] -= amount;
            coolingOf[_address(log.topics[2])][seq] = amount;
        } else if (topic == IStaking.Withdrawn.selector) {
            (,, uint256 amount) = abi.decode(log.data, (uint64, address, uint256));
            _law(17, coolingOf[_address(log.topics[1])][uint64(uint256(log.topics[2]))] == amount);
            coolingOf[_address(log.topics[1])][uint64(uint256(log.topics[2]))] = 0;
            stakesAndCooling -= amount;
        } else if (topic == IStaking.YieldFunded.selector) {
            yieldHeld[_address(log.topics[2])] += uint256(_word(log.data, 1));
        } else if (topic == IStaking.YieldClaimed.selector) {
            uint256 amount = uint256(_word(log.data, 2));
            yieldHeld[_address(log.topics[2])] -= amount;
            yieldClaimed[uint256(log.topics[1])][_address(log.topics[2])] += amount;
        }
    }

    // -------------------------------------------------------------------------------------------- disputes, anchors

    function _disputes(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == keccak256("AuthorityUpdated(address)")) return;
        _number(log);
        if (topic == IDisputes.Raised.selector) {
            (, address respondent,, uint256 bond, uint64 deadline,) =
                abi.decode(log.data, (uint64, address, address, uint256, uint64, string));
            _law(22, uint256(log.topics[1]) == ++disputeCount);
            bondsOf[disputeCount] = Bonds(
                IDisputes.Status.RAISED, uint256(log.topics[2]), _address(log.topics[3]), respondent, bond, deadline
            );
            bondsHeld += bond;
        } else if (topic == IDisputes.Countered.selector) {
            Bonds storage one = bondsOf[uint256(log.topics[1])];
            _law(22, one.status == IDisputes.Status.RAISED && block.timestamp <= one.deadline);
            (one.status, one.deadline) = (IDisputes.Status.COUNTERED, uint64(uint256(_word(log.data, 1))));
            bondsHeld += one.bond;
        } else if (topic == IDisputes.Closed.selector) {
            (,, uint256 toClaimant, uint256 toRespondent, uint64 frozenUntil,) =
                abi.decode(log.data, (uint64, uint8, uint256, uint256, uint64, bytes32));
            Bonds storage one = bondsOf[uint256(log.topics[1])];
            uint256 held = one.status == IDisputes.Status.COUNTERED ? 2 * one.bond : one.bond;
            _law(21, toClaimant + toRespondent == held);
            (one.status, one.deadline) = (IDisputes.Status.CLOSED, frozenUntil);
            withdrawableOf[one.claimant] += toClaimant;
            withdrawableOf[one.respondent] += toRespondent;
        } else if (topic == IDisputes.Released.selector) {
            bondsOf[uint256(log.topics[1])].deadline = 0;
        } else if (topic == IDisputes.BondWithdrawn.selector) {
            uint256 amount = uint256(_word(log.data, 2));
            withdrawableOf[_address(log.topics[1])] -= amount;
            bondsHeld -= amount;
        }
    }

    function _anchor(Vm.Log memory log) private {
        if (log.topics[0] != IAnchor.Anchored.selector) return;
        _number(log);
        (uint64 seq, bytes32 root, uint64 size, uint64 time, bytes22 head) =
            abi.decode(log.data, (uint64, bytes32, uint64, uint64, bytes22));
        _law(23, seq == ++anchorSeq && size > anchorSize && time == block.timestamp);
        _law(23, head == bytes22(keccak256(abi.encode(anchorHead, seq, root, size, time))));
        (anchorSize, anchorHead) = (size, head);
    }

    function _council(Vm.Log memory log) private {
        if (log.topics[0] == ICouncilArbiter.Voted.selector) _number(log);
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    function _address(bytes32 topic) internal pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    function _word(bytes memory data, uint256 index) internal pure returns (bytes32 word) {
        bytes memory part = new bytes(32);
        for (uint256 i; i < 32; ++i) {
            part[i] = data[32 * index + i];
        }
        return abi.decode(part, (bytes32));
    }
}
