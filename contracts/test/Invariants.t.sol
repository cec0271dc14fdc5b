// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "../src/interfaces/IAnchor.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {ILicences} from "../src/interfaces/ILicences.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {IStaking} from "../src/interfaces/IStaking.sol";
import {IRegistry} from "./Base.t.sol";
import {Actions} from "./invariants/Actions.sol";
import {Handler} from "./invariants/Handler.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The 27 laws, by number. Those of single events are noted by the handler as it reads the logs, the others are
/// asked of the contracts here. All of them are asked after every action of one campaign. `mutations/` shows of each that
/// it fails when the rule it guards is broken; it asks for one law alone, by its number in the environment as `LAW`.
contract InvariantsTest is Test {
    error LawBroken(uint256 law, bytes reason);

    uint256 internal constant ACTORS = 10;
    uint256 internal constant ALL = type(uint256).max;

    Handler internal handler;
    IRegistry internal registry;
    IMarket internal market;
    IPayouts internal payouts;
    address internal pot;
    ILicences internal licences;
    IStaking internal staking;
    IDisputes internal disputes;
    IAnchor internal ledger;
    address internal stakeToken;
    address[10] internal modules;
    bytes4[] internal laws;
    uint256 internal asked;

    function setUp() public {
        handler = new Handler();
        modules = handler.modules();
        registry = IRegistry(modules[0]);
        market = IMarket(modules[1]);
        payouts = IPayouts(modules[2]);
        pot = modules[3];
        licences = ILicences(modules[4]);
        staking = IStaking(modules[5]);
        disputes = IDisputes(modules[6]);
        ledger = IAnchor(modules[8]);
        stakeToken = modules[9];
        targetSelector(FuzzSelector({addr: address(handler), selectors: Actions.all()}));
        targetContract(address(handler));
        laws.push(this.law_00_NoNumberIsMissing.selector);
        laws.push(this.law_01_PriceIsFeeAndRoyaltyAndNet.selector);
        laws.push(this.law_02_MarketHoldsItsCreditsAndNothingElse.selector);
        laws.push(this.law_03_NoModuleOwnsAnAsset.selector);
        laws.push(this.law_04_ANonceFillsOnceAndCancelledNever.selector);
        laws.push(this.law_05_AnOrderOfAnOldEpochNeverFills.selector);
        laws.push(this.law_06_NetAndFeeAreWithinTheMakersBounds.selector);
        laws.push(this.law_07_FeeAndRoyaltyAreCappedAndTheRoyaltyNeverRises.selector);
        laws.push(this.law_08_ParentsAreOlderAndTheLineageIsWhatTheEventsSay.selector);
        laws.push(this.law_09_ContentHashAndIdAreOneToOne.selector);
        laws.push(this.law_10_BalancesSumToTheNumberOfAssets.selector);
        laws.push(this.law_11_ClaimedIsAtMostDeclaredIsAtMostFunded.selector);
        laws.push(this.law_12_ThePotHoldsWhatWasFundedAndNotClaimed.selector);
        laws.push(this.law_13_ClaimsNeverFallNorExceedWhatWasProven.selector);
        laws.push(this.law_14_AHostileRootTakesItsDeclaredTotalsAtMost.selector);
        laws.push(this.law_15_ARootIsNeverActiveEarlyNorAfterAVetoNorOverwritten.selector);
        laws.push(this.law_16_ASweepCreditsItsOwnAssetExactly.selector);
        laws.push(this.law_17_StakesAreTheStakeBalance.selector);
        laws.push(this.law_18_YieldIsConserved.selector);
        laws.push(this.law_19_NothingDripsWhileNobodyTakesPart.selector);
        laws.push(this.law_20_ExitsAreAlwaysOpenAndFreezesStopSales.selector);
        laws.push(this.law_21_BondsInAreBondsOutAndHeld.selector);
        laws.push(this.law_22_EveryDisputeTerminates.selector);
        laws.push(this.law_23_AnchorsGrowAndTheirChainRecomputes.selector);
        laws.push(this.law_24_UsesAreCountedAndExclusiveMeansOne.selector);
        laws.push(this.law_25_TheLogsTellTheState.selector);
        laws.push(this.law_26_RolesAloneGetThrough.selector);
        asked = vm.envOr("LAW", ALL);
    }

    /// @dev Asks the laws that setUp lists. The error names the broken law by its number and gives the reason.
    function invariant_EveryLawHolds() public view {
        for (uint256 law; law < laws.length; ++law) {
            if (asked != ALL && asked != law) continue;
            (bool holds, bytes memory reason) = address(this).staticcall(abi.encodePacked(laws[law]));
            if (!holds) revert LawBroken(law, reason);
        }
    }

    function _kept(uint256 law) private view {
        assertEq(handler.broken(law), 0, "an event broke the law");
    }

    function law_00_NoNumberIsMissing() public view {
        _kept(0);
    }

    function law_01_PriceIsFeeAndRoyaltyAndNet() public view {
        _kept(1);
    }

    function law_02_MarketHoldsItsCreditsAndNothingElse() public view {
        for (uint256 c; c < 5; ++c) {
            address currency = handler.currencies(c);
            uint256 credits;
            for (uint256 i; i < ACTORS; ++i) {
                credits += market.creditOf(handler.actors(i), currency);
            }
            credits += market.creditOf(pot, currency);
            assertEq(handler.balance(currency, address(market)), credits);
        }
    }

    function law_03_NoModuleOwnsAnAsset() public view {
        for (uint256 i; i < modules.length; ++i) {
            assertEq(registry.balanceOf(modules[i]), 0);
        }
    }

    function law_04_ANonceFillsOnceAndCancelledNever() public view {
        _kept(4);
    }

    function law_05_AnOrderOfAnOldEpochNeverFills() public view {
        _kept(5);
    }

    function law_06_NetAndFeeAreWithinTheMakersBounds() public view {
        _kept(6);
    }

    function law_07_FeeAndRoyaltyAreCappedAndTheRoyaltyNeverRises() public view {
        _kept(7);
        assertLe(market.feeBps(), 500);
        for (uint256 id = 1; id <= handler.count(); ++id) {
            assertEq(registry.detailsOf(id).royaltyBps, handler.assetInMirror(id).royaltyBps);
        }
    }

    function law_08_ParentsAreOlderAndTheLineageIsWhatTheEventsSay() public view {
        _kept(8);
        for (uint256 id = 1; id <= handler.count(); ++id) {
            assertEq(registry.lineageHash(id), handler.assetInMirror(id).lineage);
        }
    }

    function law_09_ContentHashAndIdAreOneToOne() public view {
        _kept(9);
        for (uint256 id = 1; id <= handler.count(); ++id) {
            bytes32 contentHash = handler.assetInMirror(id).contentHash;
            assertEq(registry.assetOf(contentHash), id);
            assertEq(handler.assetOf(contentHash), id);
        }
    }

    function law_10_BalancesSumToTheNumberOfAssets() public view {
        uint256 sum;
        for (uint256 i; i < ACTORS; ++i) {
            sum += registry.balanceOf(handler.actors(i));
        }
        assertEq(sum, registry.assetCount());
    }

    function law_11_ClaimedIsAtMostDeclaredIsAtMostFunded() public view {
        for (uint256 c; c < 5; ++c) {
            address currency = handler.currencies(c);
            uint256 declared = payouts.tallyOf(currency).declared;
            assertEq(declared, handler.declaredOf(currency));
            uint256 forwarded = handler.forwardedOf(currency);
            assertLe(handler.claimedOf(currency), declared + forwarded);
            assertLe(declared + forwarded, handler.fundedOf(currency));
            if (currency != handler.currencies(4)) assertEq(forwarded, 0);
        }
    }

    /// @dev What a token refused to pay the pot is the pot's credit.
    function law_12_ThePotHoldsWhatWasFundedAndNotClaimed() public view {
        for (uint256 c; c < 5; ++c) {
            address currency = handler.currencies(c);
            uint256 moved = handler.declaredOf(currency) + handler.forwardedOf(currency);
            assertEq(handler.balance(currency, address(payouts)), moved - handler.claimedOf(currency));
            uint256 held = handler.balance(currency, pot) + market.creditOf(pot, currency);
            assertEq(held, handler.fundedOf(currency) - moved);
        }
    }

    function law_13_ClaimsNeverFallNorExceedWhatWasProven() public view {
        _kept(13);
        for (uint256 i; i < ACTORS; ++i) {
            address actor = handler.actors(i);
            assertEq(payouts.claimedOf(actor, address(0)), handler.paidOf(actor, address(0)));
            assertLe(payouts.claimedOf(actor, address(0)), handler.promised(actor, address(0)));
        }
    }

    /// @dev Hostile roots are proposed all the time; see Handler.propose. What they took and what is in their reach is
    /// what they declared, nothing of the pot, of bonds, stakes or credits.
    function law_14_AHostileRootTakesItsDeclaredTotalsAtMost() public view {
        for (uint256 c; c < 5; ++c) {
            address currency = handler.currencies(c);
            uint256 inReach = handler.balance(currency, address(payouts));
            assertLe(
                handler.claimedOf(currency) + inReach, handler.declaredOf(currency) + handler.forwardedOf(currency)
            );
        }
        assertEq(address(disputes).balance, handler.bondsHeld());
        assertGe(handler.balance(stakeToken, address(staking)), handler.stakesAndCooling());
    }

    function law_15_ARootIsNeverActiveEarlyNorAfterAVetoNorOverwritten() public view {
        _kept(15);
        (bytes32 pending,,) = payouts.pendingRoot();
        assertEq(pending, handler.pendingRoot());
        assertEq(payouts.activeRoot(), handler.activeRoot());
    }

    function law_16_ASweepCreditsItsOwnAssetExactly() public view {
        _kept(16);
    }

    function law_17_StakesAreTheStakeBalance() public view {
        _kept(17);
        uint256 apart = handler.yieldHeld(stakeToken);
        assertEq(handler.balance(stakeToken, address(staking)), handler.stakesAndCooling() + apart);
        for (uint256 c; c < 5; ++c) {
            address currency = handler.currencies(c);
            assertEq(handler.balance(currency, address(staking)), handler.yieldHeld(currency));
        }
    }

    function law_18_YieldIsConserved() public view {
        for (uint256 id = 1; id <= handler.count(); ++id) {
            for (uint256 c; c < 6; ++c) {
                _conserved(id, c == 5 ? stakeToken : handler.currencies(c));
            }
        }
    }

    /// @dev In parts of 2^-80: what came in is what was taken, can be taken, has not dripped, and could not be divided.
    function _conserved(uint256 id, address currency) private view {
        IStaking.StreamState memory stream = staking.streamOf(id, currency);
        uint256 accrued;
        for (uint256 i; i < ACTORS; ++i) {
            accrued += staking.accruedOf(handler.actors(i), id, currency);
        }
        uint256 held = accrued + stream.undripped + stream.carried;
        assertEq(held % (1 << 80), 0);
        assertEq(held >> 80, stream.funded - handler.yieldClaimed(id, currency));
    }

    function law_19_NothingDripsWhileNobodyTakesPart() public view {
        _kept(19);
    }

    function law_20_ExitsAreAlwaysOpenAndFreezesStopSales() public view {
        _kept(20);
    }

    function law_21_BondsInAreBondsOutAndHeld() public view {
        _kept(21);
        assertEq(address(disputes).balance, handler.bondsHeld());
        uint256 owed;
        for (uint256 i; i < ACTORS; ++i) {
            owed += disputes.withdrawableOf(handler.actors(i));
        }
        for (uint256 id = 1; id <= disputes.disputeCount(); ++id) {
            IDisputes.Dispute memory one = disputes.disputeOf(id);
            if (one.status == IDisputes.Status.RAISED) owed += one.bond;
            if (one.status == IDisputes.Status.COUNTERED) owed += 2 * uint256(one.bond);
        }
        assertEq(address(disputes).balance, owed);
    }

    function law_22_EveryDisputeTerminates() public view {
        _kept(22);
    }

    function law_23_AnchorsGrowAndTheirChainRecomputes() public view {
        _kept(23);
        (uint64 seq, uint64 size, bytes22 head) = ledger.latest();
        assertEq(seq, handler.anchorSeq());
        assertEq(size, handler.anchorSize());
        assertEq(head, handler.anchorHead());
    }

    function law_24_UsesAreCountedAndExclusiveMeansOne() public view {
        _kept(24);
    }

    /// @dev What an indexer rebuilds from logs alone is what is stored, in every contract.
    function law_25_TheLogsTellTheState() public view {
        _kept(0);
        _registryIsMirrored();
        _accountsAreMirrored();
        for (uint256 id = 1; id <= handler.licenceCount(); ++id) {
            (uint256 assetId,, uint64 expiresAt, uint32 uses, uint32 maxUses) = handler.licenceOf(id);
            ILicences.Licence memory one = licences.licenceOf(id);
            assertEq(one.assetId, assetId);
            assertEq(one.expiresAt, expiresAt);
            assertEq(one.uses, uses);
            assertEq(one.maxUses, maxUses);
        }
        for (uint256 id = 1; id <= handler.disputeCount(); ++id) {
            (IDisputes.Status status, uint256 assetId, address claimant, address respondent, uint256 bond, uint64 at) =
                handler.bondsOf(id);
            IDisputes.Dispute memory one = disputes.disputeOf(id);
            assertEq(uint8(one.status), uint8(status));
            assertEq(one.assetId, assetId);
            assertEq(one.claimant, claimant);
            assertEq(one.respondent, respondent);
            assertEq(one.bond, bond);
            assertEq(one.deadline, at);
        }
        assertEq(registry.eventSeq(), handler.seqOf(address(registry)));
        assertEq(market.eventSeq(), handler.seqOf(address(market)));
        assertEq(payouts.eventSeq(), handler.seqOf(address(payouts)));
        assertEq(licences.eventSeq(), handler.seqOf(address(licences)));
        assertEq(staking.eventSeq(), handler.seqOf(address(staking)));
        assertEq(disputes.eventSeq(), handler.seqOf(address(disputes)));
        assertEq(ledger.eventSeq(), handler.seqOf(address(ledger)));
    }

    function _registryIsMirrored() private view {
        assertEq(registry.assetCount(), handler.count());
        for (uint256 id = 1; id <= handler.count(); ++id) {
            Handler.Asset memory one = handler.assetInMirror(id);
            IAssetRegistry.Details memory stored = registry.detailsOf(id);
            assertEq(stored.owner, one.owner);
            assertEq(stored.epoch, one.epoch);
            assertEq(stored.frozenUntil, one.frozenUntil);
            assertEq(stored.open, one.open);
            assertEq(staking.totalStakeOf(id), handler.totalStakeOf(id));
        }
    }

    /// @dev A nonce that was used stays used, so a difference stays too. One account is looked at after each action, in turn
    /// with the market's events, and all of them at the end of each run.
    function afterInvariant() public view {
        for (uint256 i; i < ACTORS; ++i) {
            _noncesAreMirrored(handler.actors(i));
        }
    }

    function _noncesAreMirrored(address actor) private view {
        for (uint256 nonce; nonce < 64; ++nonce) {
            assertEq(market.isNonceUsed(actor, nonce), handler.nonceUsed(actor, nonce));
        }
    }

    function _accountsAreMirrored() private view {
        _noncesAreMirrored(handler.actors(market.eventSeq() % ACTORS));
        for (uint256 i; i < ACTORS; ++i) {
            address actor = handler.actors(i);
            assertEq(market.makerEpochOf(actor), handler.makerEpochOf(actor));
            assertEq(market.makerSeqOf(actor), handler.makerSeqOf(actor));
            assertEq(disputes.withdrawableOf(actor), handler.withdrawableOf(actor));
            for (uint256 c; c < 5; ++c) {
                address currency = handler.currencies(c);
                assertEq(market.creditOf(actor, currency), handler.creditOf(actor, currency));
                assertEq(payouts.claimedOf(actor, currency), handler.paidOf(actor, currency));
            }
            for (uint256 id = 1; id <= handler.count(); ++id) {
                assertEq(staking.stakeOf(actor, id), handler.stakeOf(actor, id));
            }
        }
        assertEq(market.feeBps(), handler.feeBps());
        assertEq(market.feeRecipient(), handler.feeRecipient());
    }

    function law_26_RolesAloneGetThrough() public view {
        _kept(26);
    }

    /// @dev The laws would hold of a handler that does nothing: here every action is seen to go through.
    function test_EveryActionGoesThrough() public {
        for (uint256 i; i < 6000; ++i) {
            (bool ok,) = address(handler).call(Actions.call(i));
            ok;
        }
        string[32] memory names = [
            "register",
            "transfer",
            "lowerRoyalty",
            "sale",
            "bid",
            "cancel",
            "cancelAll",
            "withdrawCredit",
            "deliverCredit",
            "setFee",
            "fund",
            "deployInbox",
            "sweep",
            "propose",
            "proposeHostile",
            "veto",
            "activate",
            "claim",
            "setPayoutAddress",
            "offer",
            "buyLicence",
            "transferLicence",
            "stake",
            "unstake",
            "withdrawStake",
            "fundYield",
            "claimYield",
            "idle",
            "raise",
            "counter",
            "vote",
            "settle"
        ];
        for (uint256 i; i < names.length; ++i) {
            assertGt(handler.done(bytes32(bytes(names[i]))), 0, names[i]);
        }
        string[6] memory rare = ["blockPot", "timeout", "release", "withdrawBond", "anchor", "derive"];
        for (uint256 i; i < rare.length; ++i) {
            assertGt(handler.done(bytes32(bytes(rare[i]))), 0, rare[i]);
        }
        assertEq(handler.done("refused"), 0);
    }
}
