// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {ILicences} from "../src/interfaces/ILicences.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {BaseTest, IRegistry} from "./Base.t.sol";
import {EmptyPromiseToken, SecondHopFeeToken} from "./mocks/LicenceMocks.sol";
import {BlockingToken, FeeToken, HookToken, NoReturnToken} from "./mocks/OddTokens.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice The contract with the standards that it follows, and its constants.
interface ILicenceToken is ILicences, IERC721Metadata {
    function FOREVER() external view returns (uint64);
    function MAX_DURATION() external view returns (uint64);
}

// offer
// ├── given the caller does not own the asset: it should revert
// ├── given the asset is unknown: it should revert
// ├── when a field is out of bounds (text hash, cid, duration, share, flags): it should revert
// ├── given the terms are offered in this epoch: it should revert
// └── else: it should store the conditions once, note the epoch, and say all terms in the event
//     └── given an offer of an older epoch: it should renew it
// withdrawOffer
// ├── given the caller does not own the asset: it should revert
// ├── given nothing is offered in this epoch: it should revert
// └── else: it should end the offer and keep the licences
// buy
// ├── given the terms are not offered, or in another epoch, or for another asset: it should revert
// ├── given the asset is frozen up to and including this second: it should revert
// ├── when the price is above the caller's most: it should revert
// ├── when `to` is zero: it should revert
// ├── given an exclusive licence runs: it should revert, for all terms of the asset and no other asset
// ├── given another licence runs and the terms are exclusive: it should revert
// ├── when the value is not exactly the price (or zero with a token): it should revert
// ├── given a token that takes a fee, on the first or second way, or lies: it should revert
// ├── given a token that calls back: it should stop the second purchase
// └── else: it should mint, move the times, fund the asset's pot with the price, and hold nothing
// consume
// ├── when the caller is not the registry: it should revert
// ├── given another holder, another asset, an expired licence, no DERIVATIVES, no uses left: it should revert
// └── else: it should count
//     └── when a registration names the licence: it should cover the derived work
// transferFrom
// ├── given the licence is not TRANSFERABLE: it should revert
// └── else: it should move it, expired or not, and number the event
// tokenURI, contractURI
// ├── given the registry names no base: both should be empty
// └── else: they should be below the registry's base, in a folder of their own
contract LicencesTest is BaseTest {
    uint8 internal constant COMMERCIAL = 1;
    uint8 internal constant DERIVATIVES = 2;
    uint8 internal constant EXCLUSIVE = 4;
    uint8 internal constant TRANSFERABLE = 8;
    uint8 internal constant AI_TRAINING = 16;

    address internal disputes = makeAddr("disputes");
    address internal carol = makeAddr("carol");
    ILicenceToken internal licences;
    uint256 internal work;
    uint256 internal other;
    uint64 internal forever;

    /// @dev The registry is a new one, so that this test ties it to its own Licences.
    function setUp() public override {
        super.setUp();
        registry = IRegistry(deployCode("AssetRegistry.sol:AssetRegistry", abi.encode(manager, payouts)));
        licences = ILicenceToken(deployCode("Licences.sol:Licences", abi.encode(registry, payouts)));
        vm.prank(admin);
        registry.link(address(licences), disputes);
        work = _registerClosed(alice, "work");
        other = _registerClosed(alice, "other");
        forever = licences.FOREVER();
        vm.deal(carol, 1000 ether);
        token.mint(carol, 1e18);
        vm.prank(bob);
        token.approve(address(licences), type(uint256).max);
        vm.prank(carol);
        token.approve(address(licences), type(uint256).max);
    }

    function test_Constructor() public view {
        assertEq(licences.name(), "Tributary Licences");
        assertEq(licences.symbol(), "LICENCE");
        assertEq(licences.eventSeq(), 0);
        assertEq(licences.licenceCount(), 0);
        assertEq(forever, type(uint40).max);
        assertGt(forever, block.timestamp + licences.MAX_DURATION());
    }

    // ---------------------------------------------------------------------------------------------------------- offer

    function test_Offer() public {
        ILicences.Terms memory terms = _terms();
        bytes32 expected = keccak256(abi.encode(terms));
        vm.expectEmit(address(licences));
        emit ILicences.TermsOffered(1, work, expected, alice, 0, terms);
        vm.prank(alice);
        assertEq(licences.offer(work, terms), expected);
        assertTrue(licences.isOffered(work, expected));
        assertFalse(licences.isOffered(other, expected));
        assertEq(licences.eventSeq(), 1);
        ILicences.Conditions memory stored = licences.conditionsOf(expected);
        assertEq(stored.currency, terms.currency);
        assertEq(stored.price, terms.price);
        assertEq(stored.duration, terms.duration);
        assertEq(stored.revenueShareBps, terms.revenueShareBps);
        assertEq(stored.maxUses, terms.maxUses);
        assertEq(stored.flags, terms.flags);
        assertTrue(stored.known);
    }

    function test_OfferTheSameTermsForTwoAssets() public {
        bytes32 termsId = _offer(_terms());
        vm.prank(alice);
        assertEq(licences.offer(other, _terms()), termsId);
        assertTrue(licences.isOffered(work, termsId) && licences.isOffered(other, termsId));
    }

    function test_OfferEndsWithATransferOfTheAsset() public {
        bytes32 termsId = _offer(_terms());
        vm.prank(alice);
        registry.transferFrom(alice, bob, work);
        assertFalse(licences.isOffered(work, termsId));
        vm.prank(bob);
        registry.transferFrom(bob, alice, work);
        assertFalse(licences.isOffered(work, termsId));
        vm.expectEmit(address(licences));
        emit ILicences.TermsOffered(2, work, termsId, alice, 2, _terms());
        _offer(_terms());
        assertTrue(licences.isOffered(work, termsId));
    }

    function test_OfferAtEveryBound() public {
        ILicences.Terms memory terms = _terms();
        terms.cid = string(new bytes(128));
        terms.price = type(uint128).max;
        terms.duration = licences.MAX_DURATION();
        terms.revenueShareBps = 10_000;
        terms.maxUses = type(uint32).max;
        terms.flags = 31;
        ILicences.Conditions memory stored = licences.conditionsOf(_offer(terms));
        assertEq(stored.price, type(uint128).max);
        assertEq(stored.maxUses, type(uint32).max);
        assertEq(stored.duration, terms.duration);
        assertEq(stored.revenueShareBps, 10_000);
        assertEq(stored.flags, 31);
    }

    function test_RevertWhen_AStrangerOffers() public {
        vm.expectRevert(abi.encodeWithSelector(ILicences.CallerNotOwner.selector, work, stranger));
        vm.prank(stranger);
        licences.offer(work, _terms());
    }

    function test_RevertWhen_AnApprovedOperatorOffers() public {
        vm.prank(alice);
        registry.setApprovalForAll(bob, true);
        vm.expectRevert(abi.encodeWithSelector(ILicences.CallerNotOwner.selector, work, bob));
        vm.prank(bob);
        licences.offer(work, _terms());
    }

    function test_RevertWhen_TheAssetIsUnknown() public {
        bytes memory refusal = abi.encodeWithSelector(IAssetRegistry.AssetUnknown.selector, 99);
        _expectNoSale("terms", 99, refusal);
        vm.expectRevert(refusal);
        licences.isOffered(99, "terms");
        vm.expectRevert(refusal);
        vm.prank(alice);
        licences.offer(99, _terms());
    }

    function test_RevertWhen_TheTextHashIsZero() public {
        ILicences.Terms memory terms = _terms();
        terms.textHash = 0;
        _expectRefused(terms, abi.encodeWithSelector(ILicences.TextHashZero.selector));
    }

    function test_RevertWhen_TheCidHasNoFittingLength() public {
        ILicences.Terms memory terms = _terms();
        terms.cid = "";
        _expectRefused(terms, abi.encodeWithSelector(ILicences.CidLengthInvalid.selector, 0, 128));
        terms.cid = string(new bytes(129));
        _expectRefused(terms, abi.encodeWithSelector(ILicences.CidLengthInvalid.selector, 129, 128));
    }

    function test_RevertWhen_TheDurationIsTooLong() public {
        ILicences.Terms memory terms = _terms();
        uint64 max = licences.MAX_DURATION();
        terms.duration = max + 1;
        _expectRefused(terms, abi.encodeWithSelector(ILicences.DurationTooLong.selector, max + 1, max));
    }

    function test_RevertWhen_TheRevenueShareIsTooHigh() public {
        ILicences.Terms memory terms = _terms();
        terms.revenueShareBps = 10_001;
        _expectRefused(terms, abi.encodeWithSelector(ILicences.RevenueShareTooHigh.selector, 10_001, 10_000));
    }

    function test_RevertWhen_AFlagIsUnknown() public {
        ILicences.Terms memory terms = _terms();
        for (uint256 bit = 5; bit < 8; ++bit) {
            terms.flags = uint8(1 << bit) | COMMERCIAL;
            _expectRefused(terms, abi.encodeWithSelector(ILicences.FlagsUnknown.selector, terms.flags));
        }
    }

    function test_RevertWhen_TheTermsAreOfferedAlready() public {
        bytes32 termsId = _offer(_terms());
        _expectRefused(_terms(), abi.encodeWithSelector(ILicences.TermsAlreadyOffered.selector, work, termsId));
    }

    function testFuzz_Offer(ILicences.Terms memory terms) public {
        terms = _bounded(terms);
        bytes32 termsId = _offer(terms);
        assertEq(termsId, keccak256(abi.encode(terms)));
        ILicences.Conditions memory stored = licences.conditionsOf(termsId);
        assertEq(
            abi.encode(stored),
            abi.encode(
                terms.currency, terms.maxUses, terms.revenueShareBps, terms.flags, true, terms.price, terms.duration
            )
        );
    }

    // -------------------------------------------------------------------------------------------------- withdrawOffer

    function test_WithdrawOffer() public {
        bytes32 termsId = _offer(_terms());
        uint256 id = _buy(termsId);
        vm.expectEmit(address(licences));
        emit ILicences.OfferWithdrawn(3, work, termsId);
        vm.prank(alice);
        licences.withdrawOffer(work, termsId);
        assertFalse(licences.isOffered(work, termsId));
        assertTrue(licences.isValid(id));
        _offer(_terms());
        assertTrue(licences.isOffered(work, termsId));
    }

    function test_RevertWhen_AStrangerWithdraws() public {
        bytes32 termsId = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ILicences.CallerNotOwner.selector, work, stranger));
        vm.prank(stranger);
        licences.withdrawOffer(work, termsId);
    }

    function test_RevertWhen_NothingIsThereToWithdraw() public {
        bytes32 termsId = _offer(_terms());
        bytes memory refusal = abi.encodeWithSelector(ILicences.TermsNotOffered.selector, work, termsId);
        vm.prank(alice);
        licences.withdrawOffer(work, termsId);
        vm.expectRevert(refusal);
        vm.prank(alice);
        licences.withdrawOffer(work, termsId);

        _offer(_terms());
        vm.prank(alice);
        registry.transferFrom(alice, bob, work);
        vm.expectRevert(refusal);
        vm.prank(bob);
        licences.withdrawOffer(work, termsId);
    }

    function testFuzz_OnlyTheOwnerWithdraws(address caller) public {
        bytes32 termsId = _offer(_terms());
        if (caller != alice) {
            vm.expectRevert(abi.encodeWithSelector(ILicences.CallerNotOwner.selector, work, caller));
        }
        vm.prank(caller);
        licences.withdrawOffer(work, termsId);
        assertEq(licences.isOffered(work, termsId), caller != alice);
    }

    // ------------------------------------------------------------------------------------------------------------ buy

    function test_BuyWithNativeCoin() public {
        bytes32 termsId = _offer(_terms());
        uint256 potBefore = payouts.pot().balance;
        uint64 end = uint64(block.timestamp + 30 days);
        vm.expectEmit(address(licences));
        emit ILicences.LicenceBought(2, 1, work, termsId, bob, carol, address(0), 1 ether, end);
        vm.expectEmit(address(payouts));
        emit IPayouts.Funded(payouts.eventSeq() + 1, work, address(0), address(licences), 1 ether, "licence", false);
        vm.prank(bob);
        assertEq(licences.buy{value: 1 ether}(termsId, work, carol, 1 ether), 1);

        assertEq(licences.ownerOf(1), carol);
        assertEq(licences.licenceCount(), 1);
        assertTrue(licences.isValid(1));
        assertEq(payouts.pot().balance - potBefore, 1 ether);
        assertEq(address(licences).balance, 0);
        assertEq(abi.encode(licences.licenceOf(1)), abi.encode(termsId, work, end, 0, 3, 1500, _terms().flags));
        assertEq(abi.encode(licences.timesOf(work)), abi.encode(0, end));
        assertEq(abi.encode(licences.timesOf(other)), abi.encode(0, 0));
        assertEq(licences.tokenURI(1), "");
    }

    function test_BuyWithAToken() public {
        ILicences.Terms memory terms = _terms();
        terms.currency = address(token);
        bytes32 termsId = _offer(terms);
        uint256 before = token.balanceOf(bob);
        vm.expectEmit(address(payouts));
        emit IPayouts.Funded(payouts.eventSeq() + 1, work, address(token), address(licences), 1 ether, "licence", false);
        vm.prank(bob);
        licences.buy(termsId, work, bob, type(uint256).max);
        assertEq(before - token.balanceOf(bob), 1 ether);
        assertEq(token.balanceOf(payouts.pot()), 1 ether);
        assertEq(token.balanceOf(address(licences)), 0);
        assertEq(token.allowance(address(licences), address(payouts)), 0);
    }

    function test_BuyWithATokenWithoutReturnValue() public {
        NoReturnToken odd = new NoReturnToken();
        odd.mint(bob, 2 ether);
        bytes32 termsId = _offerFor(address(odd));
        vm.startPrank(bob);
        odd.approve(address(licences), 2 ether);
        licences.buy(termsId, work, bob, 1 ether);
        licences.buy(termsId, work, bob, 1 ether);
        assertEq(odd.balanceOf(payouts.pot()), 2 ether);
    }

    function test_BuyForNothing() public {
        ILicences.Terms memory terms = _terms();
        terms.price = 0;
        bytes32 native = _offer(terms);
        terms.currency = makeAddr("no token at all");
        bytes32 unreal = _offer(terms);
        uint64 before = payouts.eventSeq();
        vm.startPrank(bob);
        licences.buy(native, work, bob, 0);
        licences.buy(unreal, work, bob, 0);
        assertEq(licences.balanceOf(bob), 2);
        assertEq(payouts.eventSeq(), before);
    }

    function test_BuyForEver() public {
        ILicences.Terms memory terms = _terms();
        terms.duration = 0;
        uint256 id = _buy(_offer(terms));
        assertEq(licences.licenceOf(id).expiresAt, forever);
        vm.warp(forever - 1);
        assertTrue(licences.isValid(id));
    }

    function test_LicenceEndsWithItsDuration() public {
        uint256 id = _buy(_offer(_terms()));
        skip(30 days - 1);
        assertTrue(licences.isValid(id));
        skip(1);
        assertFalse(licences.isValid(id));
        assertFalse(licences.isValid(99));
    }

    function test_RunningUntilIsTheLatestEnd() public {
        bytes32 longer = _offer(_terms());
        ILicences.Terms memory terms = _terms();
        terms.duration = 1 days;
        bytes32 shorter = _offer(terms);
        _buy(longer);
        uint64 end = uint64(block.timestamp + 30 days);
        _buy(shorter);
        assertEq(abi.encode(licences.timesOf(work)), abi.encode(0, end));
        skip(1 days);
        _buy(longer);
        assertEq(abi.encode(licences.timesOf(work)), abi.encode(0, end + 1 days));
    }

    function test_LicenceOutlivesTheSaleOfTheAsset() public {
        uint256 id = _buy(_offer(_terms()));
        vm.prank(alice);
        registry.transferFrom(alice, carol, work);
        assertTrue(licences.isValid(id));
    }

    function test_RevertWhen_TheTermsAreNotOffered() public {
        bytes32 termsId = _offer(_terms());
        _expectNoSale(termsId, other, abi.encodeWithSelector(ILicences.TermsNotOffered.selector, other, termsId));
        _expectNoSale("x", work, abi.encodeWithSelector(ILicences.TermsNotOffered.selector, work, bytes32("x")));
        vm.prank(alice);
        registry.transferFrom(alice, carol, work);
        _expectNoSale(termsId, work, abi.encodeWithSelector(ILicences.TermsNotOffered.selector, work, termsId));
    }

    function test_RevertWhen_TheAssetIsFrozen() public {
        bytes32 termsId = _offer(_terms());
        uint64 until = uint64(block.timestamp + 1 days);
        vm.prank(disputes);
        registry.setFrozenUntil(work, until);
        bytes memory refusal = abi.encodeWithSelector(ILicences.AssetFrozen.selector, work, until);
        _expectNoSale(termsId, work, refusal);
        vm.warp(until);
        _expectNoSale(termsId, work, refusal);
        vm.warp(until + 1);
        _buy(termsId);
    }

    function test_AFreezeStopsNeitherOffersNorUses() public {
        uint256 id = _buy(_offer(_terms()));
        vm.prank(disputes);
        registry.setFrozenUntil(work, uint64(block.timestamp + 1 days));
        vm.prank(address(registry));
        licences.consume(id, work, bob, 9);
        ILicences.Terms memory terms = _terms();
        terms.price = 2;
        assertTrue(licences.isOffered(work, _offer(terms)));
    }

    function test_RevertWhen_ThePriceIsAboveTheMost() public {
        bytes32 termsId = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ILicences.PriceAboveMax.selector, 1 ether, 1 ether - 1));
        vm.prank(bob);
        licences.buy{value: 1 ether}(termsId, work, bob, 1 ether - 1);
    }

    function test_RevertWhen_BoughtForNobody() public {
        bytes32 termsId = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        vm.prank(bob);
        licences.buy{value: 1 ether}(termsId, work, address(0), 1 ether);
    }

    function test_RevertWhen_TheValueIsNotThePrice() public {
        bytes32 termsId = _offer(_terms());
        bytes32 forTokens = _offerFor(address(token));
        ILicences.Terms memory terms = _terms();
        terms.price = 0;
        bytes32 free = _offer(terms);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(ILicences.ValueMismatch.selector, 1 ether - 1, 1 ether));
        licences.buy{value: 1 ether - 1}(termsId, work, bob, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ILicences.ValueMismatch.selector, 1 ether + 1, 1 ether));
        licences.buy{value: 1 ether + 1}(termsId, work, bob, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ILicences.ValueMismatch.selector, 1, 0));
        licences.buy{value: 1}(forTokens, work, bob, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ILicences.ValueMismatch.selector, 1, 0));
        licences.buy{value: 1}(free, work, bob, 1 ether);
    }

    // ------------------------------------------------------------------------------------------------ exclusive means one

    function test_RevertWhen_AnExclusiveLicenceRuns() public {
        ILicences.Terms memory terms = _terms();
        bytes32 usual = _offer(terms);
        terms.flags |= EXCLUSIVE;
        bytes32 exclusive = _offer(terms);
        uint64 until = uint64(block.timestamp + 30 days);
        _buy(exclusive);
        assertEq(abi.encode(licences.timesOf(work)), abi.encode(until, until));
        bytes memory refusal = abi.encodeWithSelector(ILicences.ExclusiveLicenceRunning.selector, work, until);
        _expectNoSale(usual, work, refusal);
        _expectNoSale(exclusive, work, refusal);
        vm.warp(until - 1);
        _expectNoSale(usual, work, refusal);
        vm.warp(until);
        _buy(usual);
        assertEq(abi.encode(licences.timesOf(work)), abi.encode(until, until + 30 days));
    }

    function test_RevertWhen_AnExclusiveLicenceIsNotAlone() public {
        ILicences.Terms memory terms = _terms();
        bytes32 usual = _offer(terms);
        terms.flags |= EXCLUSIVE;
        bytes32 exclusive = _offer(terms);
        _buy(usual);
        uint64 until = uint64(block.timestamp + 30 days);
        bytes memory refusal = abi.encodeWithSelector(ILicences.OtherLicenceRunning.selector, work, until);
        _expectNoSale(exclusive, work, refusal);
        vm.warp(until - 1);
        _expectNoSale(exclusive, work, refusal);
        vm.warp(until);
        _buy(exclusive);
    }

    function test_ExclusiveForEverIsTheLast() public {
        ILicences.Terms memory terms = _terms();
        terms.duration = 0;
        terms.flags |= EXCLUSIVE;
        bytes32 exclusive = _offer(terms);
        _buy(exclusive);
        skip(10_000 days);
        _expectNoSale(
            exclusive, work, abi.encodeWithSelector(ILicences.ExclusiveLicenceRunning.selector, work, forever)
        );
    }

    function test_ExclusiveConcernsOneAsset() public {
        ILicences.Terms memory terms = _terms();
        terms.flags |= EXCLUSIVE;
        bytes32 termsId = _offer(terms);
        vm.prank(alice);
        licences.offer(other, terms);
        _buy(termsId);
        vm.prank(bob);
        licences.buy{value: 1 ether}(termsId, other, bob, 1 ether);
        assertEq(licences.balanceOf(bob), 2);
    }

    function test_ExclusiveSurvivesASaleOfTheAsset() public {
        ILicences.Terms memory terms = _terms();
        terms.flags |= EXCLUSIVE;
        bytes32 termsId = _offer(terms);
        _buy(termsId);
        uint64 until = uint64(block.timestamp + 30 days);
        vm.prank(alice);
        registry.transferFrom(alice, carol, work);
        vm.prank(carol);
        licences.offer(work, terms);
        _expectNoSale(termsId, work, abi.encodeWithSelector(ILicences.ExclusiveLicenceRunning.selector, work, until));
    }

    // ---------------------------------------------------------------------------------------------------- hostile tokens

    function test_RevertWhen_TheTokenTakesAFee() public {
        FeeToken odd = new FeeToken();
        odd.mint(bob, 10 ether);
        bytes32 termsId = _offerFor(address(odd));
        vm.prank(bob);
        odd.approve(address(licences), 10 ether);
        // What lies here by accident does not make up for the fee.
        odd.mint(address(licences), 10 ether);
        vm.expectRevert(abi.encodeWithSelector(ILicences.PaymentNotWhole.selector, odd, 0.99 ether, 1 ether));
        vm.prank(bob);
        licences.buy(termsId, work, bob, 1 ether);
    }

    function test_RevertWhen_TheTokenTakesAFeeOnTheSecondWay() public {
        SecondHopFeeToken odd = new SecondHopFeeToken();
        odd.mint(bob, 1 ether);
        odd.tax(address(licences));
        bytes32 termsId = _offerFor(address(odd));
        vm.prank(bob);
        odd.approve(address(licences), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ILicences.PaymentNotWhole.selector, odd, 0.5 ether, 1 ether));
        vm.prank(bob);
        licences.buy(termsId, work, bob, 1 ether);
    }

    function test_RevertWhen_TheTokenLies() public {
        EmptyPromiseToken odd = new EmptyPromiseToken();
        bytes32 termsId = _offerFor(address(odd));
        vm.expectRevert(abi.encodeWithSelector(ILicences.PaymentNotWhole.selector, odd, 0, 1 ether));
        vm.prank(bob);
        licences.buy(termsId, work, bob, 1 ether);
    }

    function test_RevertWhen_ThePotIsRefused() public {
        BlockingToken odd = new BlockingToken();
        odd.mint(bob, 1 ether);
        bytes32 termsId = _offerFor(address(odd));
        odd.setBlocked(payouts.pot(), true);
        vm.startPrank(bob);
        odd.approve(address(licences), 1 ether);
        vm.expectRevert("blocked");
        licences.buy(termsId, work, bob, 1 ether);
        assertEq(licences.licenceCount(), 0);
        assertEq(odd.balanceOf(bob), 1 ether);
    }

    function test_RevertWhen_TheBuyerHasNotEnough() public {
        bytes32 termsId = _offerFor(address(token));
        vm.prank(stranger);
        token.approve(address(licences), 1 ether);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientBalance(address,uint256,uint256)")));
        vm.prank(stranger);
        licences.buy(termsId, work, stranger, 1 ether);
    }

    function test_TokenThatCallsBackBuysOnce() public {
        HookToken odd = new HookToken();
        odd.mint(bob, 1 ether);
        bytes32 termsId = _offerFor(address(odd));
        ILicences.Terms memory terms = _terms();
        terms.price = 0;
        bytes32 free = _offer(terms);
        odd.arm(address(licences), abi.encodeCall(ILicences.buy, (free, work, bob, 0)));
        vm.startPrank(bob);
        odd.approve(address(licences), 1 ether);
        licences.buy(termsId, work, bob, 1 ether);
        assertFalse(odd.succeeded());
        assertEq(licences.licenceCount(), 1);
    }

    function testFuzz_Buy(uint128 price, uint64 duration, uint8 flags, bool native) public {
        ILicences.Terms memory terms = _terms();
        (terms.price, terms.flags) = (price, flags % 32);
        terms.duration = uint64(bound(duration, 0, licences.MAX_DURATION()));
        terms.currency = native ? address(0) : address(token);
        bytes32 termsId = _offer(terms);
        if (native) vm.deal(bob, price);
        else token.mint(bob, price);
        uint256 potBefore = native ? payouts.pot().balance : token.balanceOf(payouts.pot());
        vm.prank(bob);
        uint256 id = licences.buy{value: native ? price : 0}(termsId, work, bob, price);
        uint256 potAfter = native ? payouts.pot().balance : token.balanceOf(payouts.pot());
        assertEq(potAfter - potBefore, price);
        assertEq(address(licences).balance + token.balanceOf(address(licences)), 0);
        uint64 end = terms.duration == 0 ? forever : uint64(block.timestamp + terms.duration);
        assertEq(licences.licenceOf(id).expiresAt, end);
        assertEq(licences.timesOf(work).runningUntil, end);
        assertEq(licences.timesOf(work).exclusiveUntil, terms.flags & EXCLUSIVE == 0 ? 0 : end);
    }

    // -------------------------------------------------------------------------------------------------------- consume

    function test_Consume() public {
        uint256 id = _buy(_offer(_terms()));
        for (uint32 uses = 1; uses <= 3; ++uses) {
            vm.expectEmit(address(licences));
            emit ILicences.LicenceUsed(2 + uses, id, work, 40 + uses, uses);
            vm.prank(address(registry));
            licences.consume(id, work, bob, 40 + uses);
            assertEq(licences.licenceOf(id).uses, uses);
        }
        vm.expectRevert(abi.encodeWithSelector(ILicences.UsesExhausted.selector, id, 3));
        vm.prank(address(registry));
        licences.consume(id, work, bob, 44);
        assertTrue(licences.isValid(id));
    }

    function test_ALicenceCoversADerivedWork() public {
        uint256 id = _buy(_offer(_terms()));
        IAssetRegistry.Registration memory child = _derived(bob, "child", id);
        uint256 childId = registry.assetCount() + 1;
        vm.expectEmit(address(licences));
        emit ILicences.LicenceUsed(3, id, work, childId, 1);
        vm.prank(bob);
        assertEq(registry.register(child), childId);

        child.contentHash = "another child";
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceNotHeld.selector, id, carol));
        vm.prank(carol);
        registry.register(child);
    }

    function test_UsesWithoutEnd() public {
        ILicences.Terms memory terms = _terms();
        terms.maxUses = 0;
        uint256 id = _buy(_offer(terms));
        vm.startPrank(address(registry));
        for (uint256 i; i < 50; ++i) {
            licences.consume(id, work, bob, i);
        }
        assertEq(licences.licenceOf(id).uses, 50);
    }

    function test_RevertWhen_AnotherThanTheRegistryConsumes() public {
        uint256 id = _buy(_offer(_terms()));
        vm.expectRevert(abi.encodeWithSelector(ILicences.CallerNotRegistry.selector, bob));
        vm.prank(bob);
        licences.consume(id, work, bob, 9);
    }

    function test_RevertWhen_TheLicenceDoesNotFit() public {
        uint256 id = _buy(_offer(_terms()));
        ILicences.Terms memory terms = _terms();
        terms.flags = COMMERCIAL | TRANSFERABLE | AI_TRAINING;
        uint256 plain = _buy(_offer(terms));
        vm.startPrank(address(registry));
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceNotHeld.selector, id, alice));
        licences.consume(id, work, alice, 9);
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceNotHeld.selector, 99, bob));
        licences.consume(99, work, bob, 9);
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceOfAnotherAsset.selector, id, work, other));
        licences.consume(id, other, bob, 9);
        vm.expectRevert(abi.encodeWithSelector(ILicences.DerivativesNotAllowed.selector, plain));
        licences.consume(plain, work, bob, 9);
        // An id that nobody holds matches no asset at no time.
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceExpired.selector, 99, 0));
        licences.consume(99, 0, address(0), 9);
        skip(30 days);
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceExpired.selector, id, block.timestamp));
        licences.consume(id, work, bob, 9);
    }

    function testFuzz_UsesStayWithinTheMost(uint8 maxUses, uint8 tries) public {
        ILicences.Terms memory terms = _terms();
        terms.maxUses = maxUses;
        uint256 id = _buy(_offer(terms));
        vm.startPrank(address(registry));
        for (uint256 i; i < tries; ++i) {
            try licences.consume(id, work, bob, i) {} catch {}
        }
        uint256 expected = maxUses == 0 || tries < maxUses ? tries : maxUses;
        assertEq(licences.licenceOf(id).uses, expected);
    }

    function testFuzz_OnlyTheRegistryConsumes(address caller) public {
        vm.assume(caller != address(registry));
        uint256 id = _buy(_offer(_terms()));
        vm.expectRevert(abi.encodeWithSelector(ILicences.CallerNotRegistry.selector, caller));
        vm.prank(caller);
        licences.consume(id, work, bob, 9);
    }

    // ------------------------------------------------------------------------------------------------------- transfer

    function test_TransferATransferableLicence() public {
        uint256 id = _buy(_offer(_terms()));
        vm.expectEmit(address(licences));
        emit ILicences.LicenceTransferred(3, id, bob, carol);
        vm.prank(bob);
        licences.transferFrom(bob, carol, id);
        assertEq(licences.ownerOf(id), carol);
        vm.prank(address(registry));
        licences.consume(id, work, carol, 9);
    }

    function test_TransferAnExpiredLicence() public {
        uint256 id = _buy(_offer(_terms()));
        skip(31 days);
        vm.prank(bob);
        licences.transferFrom(bob, carol, id);
        assertEq(licences.ownerOf(id), carol);
    }

    function test_RevertWhen_TheLicenceIsNotTransferable() public {
        ILicences.Terms memory terms = _terms();
        terms.flags = COMMERCIAL | DERIVATIVES;
        uint256 id = _buy(_offer(terms));
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceNotTransferable.selector, id));
        licences.transferFrom(bob, carol, id);
        licences.approve(carol, id);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceNotTransferable.selector, id));
        vm.prank(carol);
        licences.safeTransferFrom(bob, carol, id);
    }

    function testFuzz_OnlyTransferableLicencesMove(uint8 flags, address to) public {
        vm.assume(to != address(0));
        ILicences.Terms memory terms = _terms();
        terms.flags = flags % 32;
        uint256 id = _buy(_offer(terms));
        bool transferable = terms.flags & TRANSFERABLE != 0;
        if (!transferable) vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceNotTransferable.selector, id));
        vm.prank(bob);
        licences.transferFrom(bob, to, id);
        assertEq(licences.ownerOf(id), transferable ? to : bob);
    }

    // ---------------------------------------------------------------------------------------------------------- views

    function test_RevertWhen_ViewsAreAskedForTheUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(ILicences.TermsUnknown.selector, bytes32("x")));
        licences.conditionsOf("x");
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceUnknown.selector, 1));
        licences.licenceOf(1);
    }

    // ------------------------------------------------------------------------------------------------ all of it together

    /// @dev Any walk through all calls keeps these: exclusive means one, uses stay within the most, every payment is in
    /// the pot and nothing is here, and the logs alone tell the whole state.
    function testFuzz_AWalkKeepsTheRules(uint256 seed) public {
        vm.recordLogs();
        bytes32[] memory ids = new bytes32[](4);
        for (uint256 i; i < 4; ++i) {
            ids[i] = _offer(_walkTerms(i));
        }
        for (uint256 step; step < 40; ++step) {
            _step(uint256(keccak256(abi.encode(seed, step))), ids);
            _checkRunning();
        }
        _mirror(vm.getRecordedLogs());
    }

    /// @dev Bought in one call each, or in any order: the pot gets the sum.
    function testFuzz_ThePotGetsTheSum(uint96[5] memory prices) public {
        uint256 sum;
        uint256 before = payouts.pot().balance;
        for (uint256 i; i < prices.length; ++i) {
            ILicences.Terms memory terms = _terms();
            (terms.price, terms.textHash) = (prices[i], bytes32(i + 1));
            bytes32 termsId = _offer(terms);
            vm.deal(bob, prices[i]);
            vm.prank(bob);
            licences.buy{value: prices[i]}(termsId, work, bob, prices[i]);
            sum += prices[i];
        }
        assertEq(payouts.pot().balance - before, sum);
        assertEq(address(licences).balance, 0);
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    function _terms() internal pure returns (ILicences.Terms memory) {
        return ILicences.Terms({
            textHash: "text",
            cid: CID,
            currency: address(0),
            price: 1 ether,
            duration: 30 days,
            revenueShareBps: 1500,
            maxUses: 3,
            flags: COMMERCIAL | DERIVATIVES | TRANSFERABLE
        });
    }

    function _bounded(ILicences.Terms memory terms) internal view returns (ILicences.Terms memory) {
        if (terms.textHash == 0) terms.textHash = "text";
        if (bytes(terms.cid).length == 0 || bytes(terms.cid).length > 128) terms.cid = CID;
        terms.duration = uint64(bound(terms.duration, 0, licences.MAX_DURATION()));
        terms.revenueShareBps = uint16(bound(terms.revenueShareBps, 0, 10_000));
        terms.flags %= 32;
        return terms;
    }

    function _offer(ILicences.Terms memory terms) internal returns (bytes32) {
        vm.prank(alice);
        return licences.offer(work, terms);
    }

    function _offerFor(address currency) internal returns (bytes32) {
        ILicences.Terms memory terms = _terms();
        terms.currency = currency;
        return _offer(terms);
    }

    function _buy(bytes32 termsId) internal returns (uint256) {
        uint256 price = licences.conditionsOf(termsId).price;
        vm.prank(bob);
        return licences.buy{value: price}(termsId, work, bob, price);
    }

    function _expectRefused(ILicences.Terms memory terms, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        vm.prank(alice);
        licences.offer(work, terms);
    }

    function _expectNoSale(bytes32 termsId, uint256 assetId, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        vm.prank(bob);
        licences.buy{value: 1 ether}(termsId, assetId, bob, 1 ether);
    }

    function _derived(address to, bytes32 contentHash, uint256 licenceId)
        internal
        view
        returns (IAssetRegistry.Registration memory child)
    {
        child = _registration(to, contentHash);
        child.parents = new uint256[](1);
        child.parents[0] = work;
        child.consents = new bytes[](1);
        child.consents[0] = abi.encode(licenceId);
    }

    // ----------------------------------------------------------------------------------------------------------- walk

    /// @dev Usual and exclusive, with and without an end, in coin, in tokens and for nothing.
    function _walkTerms(uint256 i) private view returns (ILicences.Terms memory terms) {
        terms = _terms();
        terms.currency = i % 2 == 0 ? address(0) : address(token);
        terms.price = uint128(i * 1000);
        terms.duration = i == 3 ? 1 hours : 2 days;
        terms.maxUses = uint32(i % 3);
        terms.flags = DERIVATIVES | (i > 1 ? EXCLUSIVE : COMMERCIAL) | (i % 2 == 0 ? TRANSFERABLE : AI_TRAINING);
    }

    function _step(uint256 dice, bytes32[] memory ids) private {
        bytes32 termsId = ids[(dice >> 8) % 4];
        uint256 licenceId = (dice >> 16) % (licences.licenceCount() + 1);
        address owner = registry.ownerOf(work);
        uint256 action = dice % 8;
        if (action == 0) {
            skip((dice >> 24) % 3 days);
        } else if (action == 1) {
            vm.prank(owner);
            try licences.withdrawOffer(work, termsId) {} catch {}
        } else if (action == 2) {
            vm.prank(owner);
            try licences.offer(work, _walkTerms((dice >> 8) % 4)) {} catch {}
        } else if (action == 3) {
            address holder = (dice >> 32) % 2 == 0 ? bob : carol;
            vm.prank(bob);
            try IERC721Metadata(licences).transferFrom(bob, holder, licenceId) {} catch {}
        } else if (action == 4 && dice % 3 == 0) {
            vm.prank(owner);
            registry.transferFrom(owner, owner == alice ? bob : alice, work);
        } else if (action == 5) {
            vm.prank(address(registry));
            try licences.consume(licenceId, work, bob, dice) {} catch {}
        } else {
            ILicences.Conditions memory conditions = licences.conditionsOf(termsId);
            vm.prank(bob);
            try licences.buy{value: conditions.currency == address(0) ? conditions.price : 0}(
                termsId, work, bob, conditions.price
            ) {}
                catch {}
        }
    }

    function _checkRunning() private view {
        uint256 running;
        uint256 exclusive;
        for (uint256 id = 1; id <= licences.licenceCount(); ++id) {
            ILicences.Licence memory licence = licences.licenceOf(id);
            assertTrue(licence.maxUses == 0 || licence.uses <= licence.maxUses);
            if (!licences.isValid(id)) continue;
            ++running;
            if (licence.flags & EXCLUSIVE != 0) ++exclusive;
        }
        assertTrue(exclusive == 0 || running == 1, "an exclusive licence is not alone");
        assertEq(address(licences).balance + token.balanceOf(address(licences)), 0);
    }

    // --------------------------------------------------------------------------------------------------------- mirror

    mapping(bytes32 termsId => ILicences.Terms) private _seenTerms;
    mapping(bytes32 termsId => uint256) private _seenOffer;
    mapping(uint256 licenceId => ILicences.Licence) private _seen;
    mapping(uint256 licenceId => address) private _seenHolder;
    mapping(address currency => uint256) private _seenPaid;
    ILicences.Times private _seenTimes;
    uint256 private _seenCount;

    /// @dev Rebuilds the state from logs alone and compares it with what is stored.
    function _mirror(Vm.Log[] memory logs) private {
        uint64 seq;
        for (uint256 i; i < logs.length; ++i) {
            if (
                logs[i].emitter != address(licences)
                    || logs[i].topics[0] == keccak256("Transfer(address,address,uint256)")
            ) {
                continue;
            }
            // The first word is the event number: no number is missing, none comes twice.
            assertEq(uint256(_word(logs[i].data, 0)), ++seq);
            _apply(logs[i]);
        }
        assertEq(seq, licences.eventSeq());
        assertEq(_seenCount, licences.licenceCount());
        for (uint256 id = 1; id <= _seenCount; ++id) {
            assertEq(abi.encode(licences.licenceOf(id)), abi.encode(_seen[id]));
            assertEq(licences.ownerOf(id), _seenHolder[id]);
        }
        assertEq(abi.encode(licences.timesOf(work)), abi.encode(_seenTimes));
        for (uint256 i; i < 4; ++i) {
            bytes32 termsId = keccak256(abi.encode(_walkTerms(i)));
            bool offered = _seenOffer[termsId] == uint256(registry.epochOf(work)) + 1;
            assertEq(licences.isOffered(work, termsId), offered);
        }
        assertEq(payouts.pot().balance, _seenPaid[address(0)]);
        assertEq(IERC20(token).balanceOf(payouts.pot()), _seenPaid[address(token)]);
    }

    function _apply(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == ILicences.TermsOffered.selector) {
            (, uint64 epoch, ILicences.Terms memory terms) = abi.decode(log.data, (uint64, uint64, ILicences.Terms));
            assertEq(keccak256(abi.encode(terms)), log.topics[2]);
            (_seenTerms[log.topics[2]], _seenOffer[log.topics[2]]) = (terms, uint256(epoch) + 1);
        } else if (topic == ILicences.OfferWithdrawn.selector) {
            _seenOffer[log.topics[2]] = 0;
        } else if (topic == ILicences.LicenceUsed.selector) {
            (, _seen[uint256(log.topics[1])].uses) = abi.decode(log.data, (uint64, uint32));
        } else if (topic == ILicences.LicenceTransferred.selector) {
            assertEq(_seenHolder[uint256(log.topics[1])], address(uint160(uint256(log.topics[2]))));
            _seenHolder[uint256(log.topics[1])] = address(uint160(uint256(log.topics[3])));
        } else {
            assertEq(topic, ILicences.LicenceBought.selector);
            _applyBought(log);
        }
    }

    function _applyBought(Vm.Log memory log) private {
        (,, address to, address currency, uint256 price, uint64 expiresAt) =
            abi.decode(log.data, (uint64, address, address, address, uint256, uint64));
        assertEq(uint256(log.topics[1]), ++_seenCount);
        ILicences.Terms memory terms = _seenTerms[log.topics[3]];
        assertEq(terms.price, price);
        _seenPaid[currency] += price;
        _seenHolder[_seenCount] = to;
        _seen[_seenCount] = ILicences.Licence({
            termsId: log.topics[3],
            assetId: uint64(uint256(log.topics[2])),
            expiresAt: expiresAt,
            uses: 0,
            maxUses: terms.maxUses,
            revenueShareBps: terms.revenueShareBps,
            flags: terms.flags
        });
        if (terms.flags & EXCLUSIVE != 0) _seenTimes.exclusiveUntil = expiresAt;
        if (expiresAt > _seenTimes.runningUntil) _seenTimes.runningUntil = expiresAt;
    }

    function _word(bytes memory data, uint256 index) private pure returns (bytes32 word) {
        bytes memory part = new bytes(32);
        for (uint256 i; i < 32; ++i) {
            part[i] = data[32 * index + i];
        }
        return abi.decode(part, (bytes32));
    }

    // -------------------------------------------------------------------------------------------------------- metadata

    function test_MetadataIsBelowTheBaseOfTheRegistry() public {
        uint256 id = _buy(_offer(_terms()));
        assertEq(licences.tokenURI(id), "");
        assertEq(licences.contractURI(), "");
        vm.prank(admin);
        registry.setBaseURI("https://example.org/metadata/");
        assertEq(licences.tokenURI(id), "https://example.org/metadata/licences/1");
        assertEq(licences.contractURI(), "https://example.org/metadata/licences/");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id + 1));
        licences.tokenURI(id + 1);
    }
}
