// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {BaseTest} from "./Base.t.sol";
import {BlockingToken, FeeToken, HookToken, NoReturnToken} from "./mocks/OddTokens.sol";
import {PermitToken} from "./mocks/PermitToken.sol";
import {Burner, Reenterer, Refuser, Wallet} from "./mocks/Receivers.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Vm} from "forge-std/Vm.sol";

// fill, fillMany
// ├── when the signature is not the maker's, a key's or a contract's, over this order: it should revert
// │   └── when it is of a tree: it should revert unless the proof, at most 16 long, leads from the order to the root
// ├── when there are more than 64 fills: it should revert
// ├── when the taker is not the one named, or a bid is in native coin: it should revert
// ├── given the nonce is used or cancelled, or the maker's epoch has passed: it should revert
// ├── given the asset is not the seller's, moved since the order, is frozen, or the market is not approved: it should revert
// ├── when a bid for any of several names an epoch, or the asset is not in its tree: it should revert
// ├── when it is before or after the order's time, or a price is above 128 bits: it should revert
// ├── given the fee is above the maker's most, or the net below its least: it should revert
// ├── when the price is above the taker's most, or the net below its least: it should revert
// ├── when the value, balance or allowance does not suffice: it should revert
// ├── given the currency is no token, or takes from the royalty: it should revert
// ├── given a permit: it should use it, or pass over it when it fails
// ├── given the seller or the fee's recipient cannot be paid: it should note a credit
// ├── given the seller or a token calls back: it should stop the call and gain it nothing
// └── else: it should use the nonce, move the asset, pay fee, royalty and net, and return what is too much
//     └── given the price moves: it should be on the straight line, rounded for the maker
// cancel
// ├── when there are more than 256 nonces: it should revert
// └── else: it should use them up, and no others
// cancelAll
// └── it should end all orders of the maker so far
// withdrawCredit
// ├── when `to` is zero, or nothing is there: it should revert
// ├── given `to` refuses, or the token does: it should revert and keep the credit
// └── else: it should pay all of it, once
// setFee
// ├── when the caller is not GOVERNOR, the fee above 5 %, or the recipient zero: it should revert
// └── else: it should hold from now on
contract MarketTest is BaseTest {
    uint256 internal constant PRICE = 1 ether;

    uint256 internal id;

    function setUp() public override {
        super.setUp();
        id = _register(alice, "work");
    }

    // ----------------------------------------------------------------------------------------------------------- fill

    function test_FillSellNative() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        uint256 before = alice.balance;
        vm.expectEmit(address(market));
        emit IMarket.Filled(
            1, market.hashOf(order), id, alice, bob, order.side, address(0), PRICE, 0.02 ether, 0.1 ether, 0.88 ether, 0
        );
        assertEq(_fillFrom(bob, order, aliceKey, PRICE, PRICE), PRICE);

        assertEq(registry.ownerOf(id), bob);
        assertEq(alice.balance, before + 0.88 ether);
        assertEq(treasury.balance, 1.02 ether);
        assertEq(payouts.pot().balance, 0.1 ether);
        assertEq(address(market).balance, 0);
        assertTrue(market.isNonceUsed(alice, 0));
    }

    function test_FillSellToken() public {
        IMarket.Order memory order = _sell(alice, id, 1e6, address(token));
        _fillFrom(bob, order, aliceKey, 1e6, 0);
        assertEq(registry.ownerOf(id), bob);
        assertEq(token.balanceOf(alice), 1e18 + 0.88e6);
        assertEq(token.balanceOf(bob), 1e18 - 1e6);
        assertEq(token.balanceOf(treasury), 0.02e6);
        assertEq(token.balanceOf(payouts.pot()), 0.1e6);
        assertEq(token.balanceOf(address(market)), 0);
    }

    function test_FillBid() public {
        IMarket.Order memory order = _bid(bob, id, 1e6);
        _fillFrom(alice, order, bobKey, 0.88e6, 0);
        assertEq(registry.ownerOf(id), bob);
        assertEq(token.balanceOf(alice), 1e18 + 0.88e6);
        assertEq(token.balanceOf(bob), 1e18 - 1e6);
    }

    function test_FillReturnsWhatIsTooMuch() public {
        uint256 before = bob.balance;
        _fillFrom(bob, _sell(alice, id, PRICE, address(0)), aliceKey, 3 * PRICE, 3 * PRICE);
        assertEq(bob.balance, before - PRICE);
        assertEq(address(market).balance, 0);
    }

    function test_FillForNothing() public {
        _fillFrom(bob, _sell(alice, id, 0, address(0)), aliceKey, 0, 0);
        assertEq(registry.ownerOf(id), bob);
        assertEq(payouts.pot().balance, 0);
    }

    function test_FillPrivateSale() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        order.taker = bob;
        vm.deal(stranger, PRICE);
        _reverts(stranger, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.TakerNotAllowed.selector, bob, stranger));
        _fillFrom(bob, order, aliceKey, PRICE, PRICE);
    }

    function test_FillWithCompactSignature() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        (bytes32 r, bytes32 vs) = vm.signCompact(aliceKey, market.hashOf(order));
        vm.prank(bob);
        market.fill{value: PRICE}(order, abi.encodePacked(r, vs), PRICE);
        assertEq(registry.ownerOf(id), bob);
    }

    function test_FillOrderOfAContract() public {
        Wallet wallet = new Wallet(alice);
        _give(address(wallet));
        _fillFrom(bob, _sell(address(wallet), id, PRICE, address(0)), aliceKey, PRICE, PRICE);
        assertEq(registry.ownerOf(id), bob);
        assertEq(address(wallet).balance, 0.88 ether);
    }

    function test_RevertWhen_ContractRefusesTheSignature() public {
        Wallet wallet = new Wallet(alice);
        _give(address(wallet));
        IMarket.Order memory order = _sell(address(wallet), id, PRICE, address(0));
        bytes memory signature = _sign(bobKey, order);
        vm.expectRevert(abi.encodeWithSelector(IMarket.SignatureInvalid.selector, address(wallet)));
        vm.prank(bob);
        market.fill{value: PRICE}(order, signature, PRICE);
    }

    function testFuzz_RevertWhen_SignatureIsWrong(bytes memory signature) public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        vm.expectRevert(abi.encodeWithSelector(IMarket.SignatureInvalid.selector, alice));
        vm.prank(bob);
        market.fill{value: PRICE}(order, signature, PRICE);
    }

    function test_RevertWhen_OrderDiffersFromWhatWasSigned() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        bytes memory signature = _sign(aliceKey, order);
        order.startPrice -= 1;
        vm.expectRevert(abi.encodeWithSelector(IMarket.SignatureInvalid.selector, alice));
        vm.prank(bob);
        market.fill{value: PRICE}(order, signature, PRICE);
    }

    function test_RevertWhen_FilledTwice() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        _fillFrom(bob, order, aliceKey, PRICE, PRICE);
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.NonceUsed.selector, alice, 0));
    }

    function test_RevertWhen_AssetMoved() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        vm.prank(alice);
        registry.transferFrom(alice, bob, id);
        vm.prank(bob);
        registry.transferFrom(bob, alice, id);
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IAssetRegistry.AssetEpochPassed.selector, id, 0, 2));
    }

    function test_RevertWhen_MakerIsNotOwner() public {
        uint256 other = _register(bob, "bob's");
        IMarket.Order memory order = _sell(alice, other, PRICE, address(0));
        _reverts(
            bob, order, PRICE, PRICE, abi.encodeWithSelector(IAssetRegistry.SellerNotOwner.selector, other, alice, bob)
        );
    }

    function test_RevertWhen_BidIsFilledByAnother() public {
        IMarket.Order memory order = _bid(bob, id, 1e6);
        bytes memory signature = _sign(bobKey, order);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.SellerNotOwner.selector, id, stranger, alice));
        vm.prank(stranger);
        market.fill(order, signature, 0);
    }

    function test_RevertWhen_OutsideItsTime() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        vm.warp(order.startTime - 1);
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.OrderNotStarted.selector, order.startTime));
        vm.warp(order.endTime + 1);
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.OrderEnded.selector, order.endTime));
        vm.warp(order.endTime);
        _fillFrom(bob, order, aliceKey, PRICE, PRICE);
    }

    function test_RevertWhen_BidIsInNativeCoin() public {
        IMarket.Order memory order = _bid(alice, id, PRICE);
        order.currency = address(0);
        _reverts(bob, order, 0, 0, abi.encodeWithSelector(IMarket.BidNeedsToken.selector));
    }

    function test_RevertWhen_PriceIsAboveTheTakersLimit() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        _reverts(
            bob, order, PRICE - 1, PRICE, abi.encodeWithSelector(IMarket.PriceAboveLimit.selector, PRICE, PRICE - 1)
        );
    }

    function test_RevertWhen_NetIsBelowTheTakersLimit() public {
        IMarket.Order memory order = _bid(bob, id, 1e6);
        bytes memory signature = _sign(bobKey, order);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NetBelowLimit.selector, 0.88e6, 0.88e6 + 1));
        vm.prank(alice);
        market.fill(order, signature, 0.88e6 + 1);
    }

    function test_RevertWhen_ValueIsWrong() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        _reverts(bob, order, PRICE, PRICE - 1, abi.encodeWithSelector(IMarket.ValueTooLow.selector, PRICE - 1, PRICE));
        // Native coin that a sale for tokens does not need comes back.
        uint256 before = bob.balance;
        _fillFrom(bob, _sell(alice, id, 1e6, address(token)), aliceKey, 1e6, 1);
        assertEq(bob.balance, before);
    }

    /// @dev First the royalty fails; where there is none, the fee. Neither can come as a credit either.
    function test_RevertWhen_TheBuyerHasNotEnough() public {
        vm.prank(bob);
        token.approve(address(market), 99);
        IMarket.Order memory order = _sell(alice, id, 1000, address(token));
        bytes4 failed = IMarket.PaymentFailed.selector;
        _reverts(bob, order, 1000, 0, abi.encodeWithSelector(failed, address(token), bob, address(market), 100));
        vm.prank(alice);
        registry.lowerRoyalty(id, 0);
        order.startPrice = order.endPrice = 10_000;
        _reverts(bob, order, 10_000, 0, abi.encodeWithSelector(failed, address(token), bob, address(market), 200));
    }

    function test_RevertWhen_FeeIsAboveTheMakersMax() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        vm.prank(governor);
        market.setFee(201, treasury);
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.FeeAboveMax.selector, 201, 200));
    }

    function test_RevertWhen_NetIsBelowTheMakersMin() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        order.minNet = 0.88 ether + 1;
        _reverts(
            bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.NetBelowMin.selector, 0.88 ether, order.minNet)
        );
    }

    function test_RevertWhen_MarketIsNotApproved() public {
        vm.prank(alice);
        registry.setApprovalForAll(address(market), false);
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        bytes memory signature = _sign(aliceKey, order);
        vm.expectRevert();
        vm.prank(bob);
        market.fill{value: PRICE}(order, signature, PRICE);
    }

    function testFuzz_PriceIsWhollyDivided(uint256 price, uint16 feeBps, uint16 royaltyBps) public {
        price = bound(price, 0, 100 ether);
        feeBps = uint16(bound(feeBps, 0, 500));
        royaltyBps = uint16(bound(royaltyBps, 0, ROYALTY_BPS - 1));
        vm.prank(alice);
        registry.lowerRoyalty(id, royaltyBps);
        vm.prank(governor);
        market.setFee(feeBps, treasury);
        IMarket.Order memory order = _sell(alice, id, price, address(0));
        order.maxFeeBps = feeBps;
        IMarket.Quote memory quote = market.quote(order, id);
        assertEq(quote.price, price);
        assertEq(quote.fee, price * feeBps / 10_000);
        assertEq(quote.royalty, price * royaltyBps / 10_000);
        assertEq(quote.price, quote.fee + quote.royalty + quote.net);

        uint256 before = alice.balance;
        _fillFrom(bob, order, aliceKey, price, price);
        assertEq(alice.balance - before, quote.net);
        assertEq(treasury.balance - 1 ether, quote.fee);
        assertEq(payouts.pot().balance, quote.royalty);
    }

    function testFuzz_PriceMovesInAStraightLine(uint128 start, uint128 end, uint32 length, uint32 at, bool bid) public {
        length = uint32(bound(length, 1, type(uint32).max));
        at = uint32(bound(at, 0, length));
        IMarket.Order memory order = bid ? _bid(alice, id, start) : _sell(alice, id, start, address(token));
        order.endPrice = end;
        order.endTime = order.startTime + length;
        vm.warp(order.startTime + at);
        uint256 price = market.quote(order, id).price;

        // The exact price is this number over `length`.
        uint256 exact = uint256(start) * (length - at) + uint256(end) * at;
        uint256 floor = exact / length;
        assertEq(price, bid || exact % length == 0 ? floor : floor + 1, "rounded for the maker");
        assertGe(price, start < end ? start : end);
        assertLe(price, start < end ? end : start);
    }

    function test_QuoteOfExtremePrices() public {
        IMarket.Order memory order = _sell(alice, id, type(uint128).max, address(token));
        IMarket.Quote memory quote = market.quote(order, id);
        assertEq(quote.price, quote.fee + quote.royalty + quote.net);
        order.endPrice = uint256(type(uint128).max) + 1;
        vm.expectRevert(abi.encodeWithSelector(IMarket.PriceTooHigh.selector, type(uint128).max, order.endPrice));
        market.quote(order, id);
    }

    function test_HashOfIsEIP712() public view {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Tributary Market"),
                keccak256("1"),
                block.chainid,
                address(market)
            )
        );
        bytes32 typehash = keccak256(
            "Order(address maker,uint8 side,uint256 assetId,uint64 assetEpoch,address currency,uint256 startPrice,uint256 endPrice,uint64 startTime,uint64 endTime,address taker,uint256 nonce,uint64 makerEpoch,uint16 maxFeeBps,uint256 minNet)"
        );
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(typehash, order)));
        assertEq(market.hashOf(order), digest);
    }

    // --------------------------------------------------------------------------------------------------------- cancel

    function test_Cancel() public {
        uint256[] memory nonces = new uint256[](2);
        nonces[1] = type(uint256).max;
        vm.expectEmit();
        emit IMarket.NoncesCancelled(1, alice, nonces);
        vm.prank(alice);
        market.cancel(nonces);
        assertTrue(market.isNonceUsed(alice, 0));
        assertFalse(market.isNonceUsed(alice, 1));
        assertTrue(market.isNonceUsed(alice, type(uint256).max));
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.NonceUsed.selector, alice, 0));
        order.nonce = 1;
        _fillFrom(bob, order, aliceKey, PRICE, PRICE);
    }

    function testFuzz_Cancel(uint256[] memory nonces, uint256 other) public {
        vm.prank(alice);
        market.cancel(nonces);
        bool listed;
        for (uint256 i; i < nonces.length; ++i) {
            assertTrue(market.isNonceUsed(alice, nonces[i]));
            assertFalse(market.isNonceUsed(bob, nonces[i]));
            listed = listed || nonces[i] == other;
        }
        assertEq(market.isNonceUsed(alice, other), listed);
        assertEq(market.makerSeqOf(alice), 1);
    }

    function test_CancelAll() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        vm.expectEmit();
        emit IMarket.MakerEpochAdvanced(1, alice, 1);
        vm.prank(alice);
        market.cancelAll();
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.MakerEpochPassed.selector, alice, 0, 1));
        _fillFrom(bob, _sell(alice, id, PRICE, address(0)), aliceKey, PRICE, PRICE);
    }

    // ------------------------------------------------------------------------------------- nonces, makers' own numbers

    /// @dev Nonces of the maker's own slot and of the words beyond it behave alike, and touch no neighbour.
    function testFuzz_NoncesAreUsedOnce(uint256 nonce, uint256 other, bool cancelled) public {
        nonce = nonce % 3 == 0 ? nonce : nonce % 300;
        other = other % 300;
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        order.nonce = nonce;
        if (cancelled) {
            uint256[] memory nonces = new uint256[](1);
            nonces[0] = nonce;
            vm.prank(alice);
            market.cancel(nonces);
        } else {
            _fillFrom(bob, order, aliceKey, PRICE, PRICE);
        }
        assertTrue(market.isNonceUsed(alice, nonce));
        assertEq(market.isNonceUsed(alice, other), nonce == other);
        assertEq(market.makerSeqOf(alice), 1);
        assertEq(market.makerEpochOf(alice), 0);
        vm.prank(bob);
        if (!cancelled) registry.transferFrom(bob, alice, id);
        order.assetEpoch = registry.epochOf(id);
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IMarket.NonceUsed.selector, alice, nonce));
    }

    function testFuzz_CancelAll(uint8 times) public {
        for (uint256 i; i < times; ++i) {
            vm.prank(alice);
            market.cancelAll();
        }
        assertEq(market.makerEpochOf(alice), times);
        assertEq(market.makerSeqOf(alice), times);
        assertFalse(market.isNonceUsed(alice, 0));
    }

    function test_RevertWhen_TooMuchIsAskedAtOnce() public {
        vm.expectRevert(abi.encodeWithSelector(IMarket.BatchTooLong.selector, 257, 256));
        market.cancel(new uint256[](257));
        vm.expectRevert(abi.encodeWithSelector(IMarket.BatchTooLong.selector, 65, 64));
        market.fillMany(new IMarket.Fill[](65));
    }

    // ------------------------------------------------------------------------------------------------------ fill many

    /// @dev Fills one by one and all at once leave the same state.
    function testFuzz_FillManyIsFills(uint64[4] memory prices, uint8 natives, uint64 extra) public {
        IMarket.Fill[] memory fills = new IMarket.Fill[](4);
        uint256 value;
        for (uint256 i; i < 4; ++i) {
            bool native = natives >> i & 1 == 0;
            uint256 asset = _register(alice, keccak256(abi.encode("many", i)));
            fills[i] = _asFill(_sell(alice, asset, prices[i], native ? address(0) : address(token)));
            fills[i].order.nonce = i;
            fills[i].signature = _sign(aliceKey, fills[i].order);
            fills[i].limit = prices[i];
            if (native) value += prices[i];
        }
        vm.deal(bob, value + extra);
        token.mint(bob, type(uint96).max);
        uint256 state = vm.snapshotState();
        vm.startPrank(bob);
        for (uint256 i; i < 4; ++i) {
            IMarket.Order memory order = fills[i].order;
            market.fill{value: order.currency == address(0) ? prices[i] : 0}(order, fills[i].signature, prices[i]);
        }
        bytes32 apart = _digestOfState(fills);
        vm.revertToState(state);
        vm.startPrank(bob);
        uint256[] memory paid = market.fillMany{value: value + extra}(fills);
        assertEq(_digestOfState(fills), apart);
        for (uint256 i; i < 4; ++i) {
            assertEq(paid[i], prices[i]);
        }
    }

    function _digestOfState(IMarket.Fill[] memory fills) private view returns (bytes32 digest) {
        digest = keccak256(
            abi.encode(alice.balance, bob.balance, treasury.balance, payouts.pot().balance, market.makerSeqOf(alice))
        );
        digest = keccak256(
            abi.encode(
                digest,
                token.balanceOf(alice),
                token.balanceOf(bob),
                token.balanceOf(payouts.pot()),
                address(market).balance
            )
        );
        for (uint256 i; i < fills.length; ++i) {
            digest = keccak256(abi.encode(digest, registry.ownerOf(fills[i].order.assetId)));
        }
    }

    function test_RevertWhen_OneOfManyFails() public {
        IMarket.Fill[] memory fills = new IMarket.Fill[](2);
        fills[0] = _asFill(_sell(alice, id, PRICE, address(0)));
        fills[1] = fills[0];
        vm.expectRevert(abi.encodeWithSelector(IMarket.NonceUsed.selector, alice, 0));
        vm.prank(bob);
        market.fillMany{value: 2 * PRICE}(fills);
        assertEq(registry.ownerOf(id), alice);
    }

    function test_RevertWhen_ManyShareTheSameCoin() public {
        uint256 second = _register(alice, "second");
        IMarket.Fill[] memory fills = new IMarket.Fill[](2);
        fills[0] = _asFill(_sell(alice, id, PRICE, address(0)));
        fills[1] = _asFill(_sell(alice, second, PRICE, address(0)));
        fills[1].order.nonce = 1;
        fills[1].signature = _sign(aliceKey, fills[1].order);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ValueTooLow.selector, PRICE - 1, PRICE));
        vm.prank(bob);
        market.fillMany{value: 2 * PRICE - 1}(fills);
    }

    // --------------------------------------------------------------------------------------------------- bulk, criteria

    /// @dev The tree is hashed as EIP-712 says of nested arrays; every leaf of it can be filled.
    function testFuzz_FillFromATree(uint8 height, uint16 index) public {
        height = uint8(bound(height, 1, 6));
        index = uint16(bound(index, 0, (1 << height) - 1));
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        IMarket.Fill[] memory fills = new IMarket.Fill[](1);
        fills[0] = _asFill(order);
        fills[0].bulkIndex = index;
        (fills[0].signature, fills[0].bulkProof) = _signTree(order, height, index);
        vm.prank(bob);
        market.fillMany{value: PRICE}(fills);
        assertEq(registry.ownerOf(id), bob);
    }

    function test_RevertWhen_OrderIsNotInTheTree() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        IMarket.Fill[] memory fills = new IMarket.Fill[](1);
        fills[0] = _asFill(order);
        fills[0].bulkIndex = 1;
        (fills[0].signature, fills[0].bulkProof) = _signTree(order, 3, 1);
        fills[0].bulkIndex = 2;
        _revertsMany(fills, abi.encodeWithSelector(IMarket.SignatureInvalid.selector, alice));
        fills[0].bulkIndex = 1;
        fills[0].order.minNet = 1;
        _revertsMany(fills, abi.encodeWithSelector(IMarket.SignatureInvalid.selector, alice));
        fills[0].bulkProof = new bytes32[](17);
        _revertsMany(fills, abi.encodeWithSelector(IMarket.BulkProofTooLong.selector, 17, 16));
    }

    function test_CriteriaBidForAnyAsset() public {
        IMarket.Order memory order = _bid(bob, id, 1e6);
        order.side = IMarket.Side.CRITERIA_BID;
        (order.assetId, order.assetEpoch) = (0, 0);
        IMarket.Fill[] memory fills = new IMarket.Fill[](1);
        fills[0] = _asFill(order);
        fills[0].signature = _sign(bobKey, order);
        fills[0].assetId = id;
        fills[0].limit = 0.88e6;
        vm.prank(alice);
        market.fillMany(fills);
        assertEq(registry.ownerOf(id), bob);
    }

    function testFuzz_CriteriaBidForSomeAssets(uint8 count, uint8 wanted) public {
        count = uint8(bound(count, 1, 20));
        wanted = uint8(bound(wanted, 0, count - 1));
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            uint256 asset = i == wanted ? id : 1000 + i;
            leaves[i] = keccak256(bytes.concat(keccak256(abi.encode(asset))));
        }
        (bytes32 root, bytes32[] memory proof) = _tree(leaves, wanted);
        IMarket.Order memory order = _bid(bob, id, 1e6);
        order.side = IMarket.Side.CRITERIA_BID;
        (order.assetId, order.assetEpoch) = (uint256(root), 0);
        IMarket.Fill[] memory fills = new IMarket.Fill[](1);
        fills[0] = _asFill(order);
        fills[0].signature = _sign(bobKey, order);
        (fills[0].assetId, fills[0].assetProof) = (id + 1, proof);
        vm.expectRevert(abi.encodeWithSelector(IMarket.CriteriaMissed.selector, id + 1));
        vm.prank(alice);
        market.fillMany(fills);
        fills[0].assetId = id;
        vm.prank(alice);
        market.fillMany(fills);
        assertEq(registry.ownerOf(id), bob);
    }

    function test_RevertWhen_CriteriaBidNamesAnEpoch() public {
        IMarket.Order memory order = _bid(bob, id, 1e6);
        order.side = IMarket.Side.CRITERIA_BID;
        (order.assetId, order.assetEpoch) = (0, 1);
        IMarket.Fill[] memory fills = new IMarket.Fill[](1);
        fills[0] = _asFill(order);
        fills[0].signature = _sign(bobKey, order);
        fills[0].assetId = id;
        _revertsMany(fills, abi.encodeWithSelector(IMarket.CriteriaMissed.selector, id));
    }

    // --------------------------------------------------------------------------------------------------------- permit

    function testFuzz_FillWithPermit(bool bid, bool sentBefore) public {
        PermitToken odd = new PermitToken();
        odd.mint(bob, 1e6);
        IMarket.Order memory order = _sell(bid ? bob : alice, id, 1e6, address(odd));
        if (bid) order.side = IMarket.Side.BID;
        IMarket.Fill[] memory fills = new IMarket.Fill[](1);
        fills[0] = _asFill(order);
        fills[0].signature = _sign(bid ? bobKey : aliceKey, order);
        fills[0].limit = bid ? 0 : 1e6;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(bobKey, odd.digest(bob, address(market), 1e6, block.timestamp));
        fills[0].permit = abi.encode(uint256(1e6), block.timestamp, v, r, s);
        // Somebody sends the permit first: the fill still works.
        if (sentBefore) odd.permit(bob, address(market), 1e6, block.timestamp, v, r, s);
        vm.prank(bid ? alice : bob);
        market.fillMany(fills);
        assertEq(registry.ownerOf(id), bob);
        assertEq(odd.balanceOf(alice), 0.88e6);
    }

    // --------------------------------------------------------------------------------------------------------- freeze

    function test_RevertWhen_AssetIsFrozen() public {
        IMarket.Order memory order = _sell(alice, id, PRICE, address(0));
        uint64 until = uint64(block.timestamp) + 5;
        vm.prank(registry.disputes());
        registry.setFrozenUntil(id, until);
        skip(5);
        _reverts(bob, order, PRICE, PRICE, abi.encodeWithSelector(IAssetRegistry.AssetFrozen.selector, id, until));
        skip(1);
        _fillFrom(bob, order, aliceKey, PRICE, PRICE);
        assertEq(registry.ownerOf(id), bob);
    }

    // -------------------------------------------------------------------------------------------------------- credits

    function test_RefusedPaymentsBecomeCredits() public {
        Refuser seller = new Refuser(alice);
        _give(address(seller));
        vm.prank(governor);
        market.setFee(FEE_BPS, address(seller));
        vm.expectEmit(address(market));
        emit IMarket.CreditAdded(address(seller), address(0), 0.02 ether, 0.02 ether);
        vm.expectEmit(address(market));
        emit IMarket.CreditAdded(address(seller), address(0), 0.88 ether, 0.9 ether);
        _fillFrom(bob, _sell(address(seller), id, PRICE, address(0)), aliceKey, PRICE, PRICE);
        assertEq(registry.ownerOf(id), bob);
        assertEq(market.creditOf(address(seller), address(0)), 0.9 ether);
        assertEq(address(market).balance, 0.9 ether);

        vm.startPrank(address(seller));
        vm.expectRevert(abi.encodeWithSelector(IMarket.RecipientZero.selector));
        market.withdrawCredit(address(0), address(0));
        vm.expectRevert();
        market.withdrawCredit(address(0), address(seller));
        vm.expectEmit();
        emit IMarket.CreditWithdrawn(address(seller), address(0), stranger, 0.9 ether);
        assertEq(market.withdrawCredit(address(0), stranger), 0.9 ether);
        assertEq(stranger.balance, 0.9 ether);
        vm.expectRevert(abi.encodeWithSelector(IMarket.CreditEmpty.selector, address(seller), address(0)));
        market.withdrawCredit(address(0), stranger);
    }

    /// @dev What could not be paid is withdrawn whole, once, wherever its creditor wants it.
    function testFuzz_WithdrawCredit(uint96 price, bool native, address to) public {
        assumeNotPrecompile(to);
        assumeNotForgeAddress(to);
        vm.assume(to.code.length == 0);
        BlockingToken odd = new BlockingToken();
        Refuser seller = new Refuser(alice);
        _give(address(seller));
        odd.mint(bob, price);
        odd.setBlocked(address(seller), true);
        vm.deal(bob, price);
        vm.prank(bob);
        odd.approve(address(market), price);
        address currency = native ? address(0) : address(odd);
        _fillFrom(bob, _sell(address(seller), id, price, currency), aliceKey, price, native ? price : 0);
        uint256 credit = market.creditOf(address(seller), currency);
        assertEq(credit, price - uint256(price) * FEE_BPS / 10_000 - uint256(price) * ROYALTY_BPS / 10_000);

        uint256 before = native ? to.balance : odd.balanceOf(to);
        bool fits = to != address(0) && credit != 0;
        if (!fits) vm.expectRevert();
        vm.prank(address(seller));
        assertEq(market.withdrawCredit(currency, to), fits ? credit : 0);
        assertEq((native ? to.balance : odd.balanceOf(to)) - before, fits ? credit : 0);
        assertEq(market.creditOf(address(seller), currency), fits ? 0 : credit);
        assertEq(native ? address(market).balance : odd.balanceOf(address(market)), fits ? 0 : credit);
    }

    function test_RevertWhen_TheTokenRefusesToPayACredit() public {
        BlockingToken odd = new BlockingToken();
        odd.mint(bob, 1000);
        odd.setBlocked(alice, true);
        vm.prank(bob);
        odd.approve(address(market), 1000);
        _fillFrom(bob, _sell(alice, id, 1000, address(odd)), aliceKey, 1000, 0);
        vm.expectRevert("blocked");
        vm.prank(alice);
        market.withdrawCredit(address(odd), alice);
        assertEq(market.creditOf(alice, address(odd)), 880);
    }

    function test_GasBurningSellerCannotStopASale() public {
        Burner seller = new Burner(alice);
        _give(address(seller));
        uint256 gas = gasleft();
        _fillFrom(bob, _sell(address(seller), id, PRICE, address(0)), aliceKey, PRICE, PRICE);
        assertLt(gas - gasleft(), 400_000);
        assertEq(market.creditOf(address(seller), address(0)), 0.88 ether);
    }

    function test_ReenteringSellerGainsNothing() public {
        Reenterer seller = new Reenterer(alice);
        _give(address(seller));
        IMarket.Order memory order = _sell(address(seller), id, PRICE, address(0));
        seller.arm(address(market), abi.encodeCall(market.fill, (order, _sign(aliceKey, order), PRICE)));
        _fillFrom(bob, order, aliceKey, PRICE, PRICE);
        assertFalse(seller.succeeded());
        assertEq(seller.tries(), 1);
        assertEq(address(seller).balance, 0.88 ether);
        assertEq(address(market).balance, 0);
    }

    function test_ReenteringCreditorIsPaidOnce() public {
        Reenterer account = new Reenterer(alice);
        Refuser other = new Refuser(alice);
        _give(address(other));
        _fillFrom(bob, _sell(address(other), id, PRICE, address(0)), aliceKey, PRICE, PRICE);
        account.arm(
            address(other),
            abi.encodeCall(
                other.run, (address(market), 0, abi.encodeCall(market.withdrawCredit, (address(0), address(account))))
            )
        );
        vm.prank(address(other));
        market.withdrawCredit(address(0), address(account));
        assertFalse(account.succeeded());
        assertEq(address(account).balance, 0.88 ether);
    }

    // ----------------------------------------------------------------------------------------------------- odd tokens

    function test_TokenWithoutReturnValue() public {
        NoReturnToken odd = new NoReturnToken();
        odd.mint(bob, 1000);
        vm.prank(bob);
        odd.approve(address(market), 1000);
        _fillFrom(bob, _sell(alice, id, 1000, address(odd)), aliceKey, 1000, 0);
        assertEq(odd.balanceOf(alice), 880);
        assertEq(odd.balanceOf(treasury), 20);
        assertEq(odd.balanceOf(payouts.pot()), 100);
    }

    function test_RevertWhen_TokenTakesAFeeFromTheRoyalty() public {
        FeeToken odd = new FeeToken();
        odd.mint(bob, 1000);
        vm.prank(bob);
        odd.approve(address(market), 1000);
        IMarket.Order memory order = _sell(alice, id, 1000, address(odd));
        _reverts(
            bob, order, 1000, 0, abi.encodeWithSelector(IMarket.RoyaltyNotReceived.selector, address(odd), 99, 100)
        );
    }

    function test_BlockedReceiversGetCredits() public {
        BlockingToken odd = new BlockingToken();
        odd.mint(bob, 1000);
        odd.setBlocked(alice, true);
        odd.setBlocked(treasury, true);
        vm.prank(bob);
        odd.approve(address(market), 1000);
        _fillFrom(bob, _sell(alice, id, 1000, address(odd)), aliceKey, 1000, 0);
        assertEq(market.creditOf(alice, address(odd)), 880);
        assertEq(market.creditOf(treasury, address(odd)), 20);
        assertEq(odd.balanceOf(address(market)), 900);
        vm.prank(alice);
        market.withdrawCredit(address(odd), stranger);
        assertEq(odd.balanceOf(stranger), 880);
    }

    function test_RevertWhen_CurrencyIsNoToken() public {
        IMarket.Order memory order = _sell(alice, id, 1000, stranger);
        bytes memory signature = _sign(aliceKey, order);
        vm.expectRevert();
        vm.prank(bob);
        market.fill(order, signature, 1000);
    }

    /// @dev While its royalty is on the way, a token cannot pay another asset's pot with it.
    function test_HookTokenCannotDivertTheRoyalty() public {
        HookToken odd = new HookToken();
        odd.mint(bob, 1000);
        vm.prank(bob);
        odd.approve(address(market), 1000);
        odd.arm(address(payouts), abi.encodeCall(payouts.fund, (99, address(odd), 100, "stolen")));
        _fillFrom(bob, _sell(alice, id, 1000, address(odd)), aliceKey, 1000, 0);
        assertFalse(odd.succeeded());
        assertEq(odd.balanceOf(payouts.pot()), 100);
    }

    // ------------------------------------------------------------------------------------------------------------ fee

    function test_SetFee() public {
        vm.expectEmit();
        emit IMarket.FeeSet(2, 500, bob);
        vm.prank(governor);
        market.setFee(500, bob);
        assertEq(market.feeBps(), 500);
        assertEq(market.feeRecipient(), bob);
        assertEq(market.eventSeq(), 2);
    }

    function testFuzz_SetFee(address caller, uint16 bps, address recipient) public {
        caller = uint160(caller) % 4 == 0 ? caller : governor;
        bps %= 600;
        bool fits = caller == governor && bps <= 500 && recipient != address(0);
        if (!fits) vm.expectRevert();
        vm.prank(caller);
        market.setFee(bps, recipient);
        assertEq(market.feeBps(), fits ? bps : FEE_BPS);
        assertEq(market.feeRecipient(), fits ? recipient : treasury);
        assertEq(market.eventSeq(), fits ? 2 : 1);
    }

    function test_RevertWhen_FeeIsWrong() public {
        vm.startPrank(governor);
        vm.expectRevert(abi.encodeWithSelector(IMarket.FeeAboveMax.selector, 501, 500));
        market.setFee(501, treasury);
        vm.expectRevert(abi.encodeWithSelector(IMarket.FeeRecipientZero.selector));
        market.setFee(1, address(0));
    }

    function test_RevertWhen_FeeIsSetByAStranger() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, engine));
        vm.prank(engine);
        market.setFee(0, engine);
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    function _fillFrom(address taker, IMarket.Order memory order, uint256 key, uint256 limit, uint256 value)
        private
        returns (uint256)
    {
        bytes memory signature = _sign(key, order);
        vm.prank(taker);
        return market.fill{value: value}(order, signature, limit);
    }

    function _asFill(IMarket.Order memory order) private view returns (IMarket.Fill memory one) {
        one.order = order;
        one.signature = _sign(aliceKey, order);
        one.limit = order.side == IMarket.Side.SELL ? order.startPrice : 0;
    }

    function _revertsMany(IMarket.Fill[] memory fills, bytes memory error_) private {
        vm.expectRevert(error_);
        vm.prank(bob);
        market.fillMany{value: PRICE}(fills);
    }

    /// @dev Alice's signature of a tree with one real order, and the proof of it. Written from EIP-712, not from the
    /// contract.
    function _signTree(IMarket.Order memory order, uint256 height, uint256 index)
        private
        view
        returns (bytes memory, bytes32[] memory proof)
    {
        string memory orderType = string.concat(
            "Order(address maker,uint8 side,uint256 assetId,uint64 assetEpoch,address currency,uint256 startPrice,",
            "uint256 endPrice,uint64 startTime,uint64 endTime,address taker,uint256 nonce,uint64 makerEpoch,",
            "uint16 maxFeeBps,uint256 minNet)"
        );
        bytes32[] memory level = new bytes32[](1 << height);
        for (uint256 i; i < level.length; ++i) {
            level[i] = keccak256(abi.encode("other", i));
        }
        level[index] = keccak256(abi.encode(keccak256(bytes(orderType)), order));
        proof = new bytes32[](height);
        string memory brackets;
        for (uint256 i; i < height; ++i) {
            proof[i] = level[index ^ 1];
            bytes32[] memory above = new bytes32[](level.length / 2);
            for (uint256 j; j < above.length; ++j) {
                above[j] = keccak256(abi.encodePacked(level[2 * j], level[2 * j + 1]));
            }
            (level, index) = (above, index / 2);
            brackets = string.concat(brackets, "[2]");
        }
        bytes32 typeHash = keccak256(bytes(string.concat("BulkOrder(Order", brackets, " tree)", orderType)));
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Tributary Market"),
                keccak256("1"),
                block.chainid,
                address(market)
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(typeHash, level[0]))));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digest);
        return (abi.encodePacked(r, s, v), proof);
    }

    /// @dev Alice's orders only.
    function _reverts(address taker, IMarket.Order memory order, uint256 limit, uint256 value, bytes memory error_)
        private
    {
        bytes memory signature = _sign(aliceKey, order);
        vm.expectRevert(error_);
        vm.prank(taker);
        market.fill{value: value}(order, signature, limit);
    }

    /// @dev Gives the asset to a contract that lets the market move it.
    function _give(address to) private {
        vm.prank(alice);
        registry.transferFrom(alice, to, id);
        vm.prank(to);
        registry.setApprovalForAll(address(market), true);
    }
}
