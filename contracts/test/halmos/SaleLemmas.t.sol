// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Stands for the registry and for Payouts: all that a quote asks of them.
contract SaleSurroundings {
    uint16 public royalty;

    function set(uint16 royaltyBps) external {
        royalty = royaltyBps;
    }

    function detailsOf(uint256) external view returns (IAssetRegistry.Details memory details) {
        details.royaltyBps = royalty;
    }

    function pot() external view returns (address) {
        return address(this);
    }
}

/// @notice What a sale costs, for all prices below 2^128, fees up to 5 % and royalties up to 50 %: ./dev audit lemmas. The
/// Market's own code, as deployed, is asked through `quote`, which `fill` uses too. To forge they are no tests.
contract SaleLemmas is Test {
    uint256 internal constant BPS = 10_000;

    uint64 internal constant START = 1_800_000_000;

    SaleSurroundings internal surroundings;

    function setUp() public {
        surroundings = new SaleSurroundings();
        vm.warp(START);
    }

    /// @dev Fee and royalty within their caps leave something of every price: no quote fails.
    function check_AQuoteIsAlwaysGiven(uint128 price, uint16 feeBps, uint16 royaltyBps) public {
        IMarket market = _surround(feeBps, royaltyBps);
        try market.quote(_order(price, price), 1) {}
        catch {
            assert(false);
        }
    }

    /// @dev Nothing of a price is lost or made: price == fee + royalty + net.
    function check_PriceIsWhollyDivided(uint128 price, uint16 feeBps, uint16 royaltyBps) public {
        IMarket.Quote memory terms = _fixed(price, feeBps, royaltyBps);
        assert(terms.price == price);
        assert(terms.fee + terms.royalty + terms.net == price);
    }

    /// @dev Both parts are rounded down, so what is left over is the seller's.
    function check_FeeIsRoundedDown(uint128 price, uint16 feeBps, uint16 royaltyBps) public {
        IMarket.Quote memory terms = _fixed(price, feeBps, royaltyBps);
        assert(terms.fee * BPS <= uint256(price) * feeBps);
        assert(uint256(price) * feeBps < (terms.fee + 1) * BPS);
    }

    function check_RoyaltyIsRoundedDown(uint128 price, uint16 feeBps, uint16 royaltyBps) public {
        IMarket.Quote memory terms = _fixed(price, feeBps, royaltyBps);
        assert(terms.royalty * BPS <= uint256(price) * royaltyBps);
        assert(uint256(price) * royaltyBps < (terms.royalty + 1) * BPS);
    }

    /// @dev A moving price is the straight line, rounded up for a seller and down for a bidder: for all
    /// prices, at all times of all orders.
    function check_MovingPriceIsTheLineRoundedForTheMaker(
        uint128 start,
        uint128 end,
        uint64 startTime,
        uint64 time,
        uint64 endTime,
        bool selling
    ) public {
        vm.assume(start != end && startTime < time && time <= endTime);
        IMarket.Order memory order = _order(start, end);
        order.side = selling ? IMarket.Side.SELL : IMarket.Side.BID;
        (order.startTime, order.endTime) = (startTime, endTime);
        vm.warp(time);
        uint256 price = _surround(0, 0).quote(order, 1).price;
        bool rising = end > start;
        uint256 part = (rising ? end - start : start - end) * (uint256(time) - startTime);
        uint256 duration = endTime - startTime;
        // A price that rises for a seller, or falls for a bidder, moves by the larger amount.
        uint256 moved = rising == selling ? _up(part, duration) : _down(part, duration);
        assert(rising ? price == start + moved : price + moved == start);
    }

    function check_MovingPriceStartsAtItsStart(uint128 start, uint128 end, uint64 duration, bool selling) public {
        vm.assume(duration <= type(uint64).max - START);
        IMarket.Order memory order = _order(start, end);
        order.side = selling ? IMarket.Side.SELL : IMarket.Side.BID;
        order.endTime = START + duration;
        assert(_surround(0, 0).quote(order, 1).price == start);
    }

    /// @dev So a moving price never leaves the two ends that were signed: whatever number `moved` of units is a part
    /// of the gap rounded up or down, it is the whole gap at most. In multiplied form, for all gaps and times.
    function check_PartOfAGapIsAtMostTheGap(uint128 gap, uint64 elapsed, uint64 duration, uint128 moved) public pure {
        vm.assume(elapsed <= duration);
        unchecked {
            vm.assume(uint256(moved) * duration < uint256(gap) * elapsed + duration);
        }
        assert(moved <= gap);
    }

    /// @dev The same of the Market itself, for prices below 256 and the times of a list.
    function check_ASmallPriceStaysWithinItsEnds(uint8 start, uint8 end, uint8 pick, bool selling) public {
        IMarket.Order memory order = _order(start, end);
        order.side = selling ? IMarket.Side.SELL : IMarket.Side.BID;
        uint64 elapsed;
        (elapsed, order.endTime) = _times(pick);
        order.endTime += START;
        vm.warp(START + elapsed);
        uint256 price = _surround(0, 0).quote(order, 1).price;
        assert(start < end ? start <= price && price <= end : end <= price && price <= start);
        if (order.endTime == START + elapsed) assert(price == end);
    }

    /// @dev Seconds gone by, of how many.
    function _times(uint256 pick) private pure returns (uint64, uint64) {
        if (pick == 0) return (1, 3);
        if (pick == 1) return (365 days - 1, 365 days);
        vm.assume(pick == 2);
        return (365 days, 365 days);
    }

    function _down(uint256 part, uint256 duration) private pure returns (uint256) {
        return part / duration;
    }

    function _up(uint256 part, uint256 duration) private pure returns (uint256) {
        return (part + duration - 1) / duration;
    }

    function _fixed(uint128 price, uint16 feeBps, uint16 royaltyBps) private returns (IMarket.Quote memory) {
        return _surround(feeBps, royaltyBps).quote(_order(price, price), 1);
    }

    function _order(uint128 start, uint128 end) private pure returns (IMarket.Order memory order) {
        (order.startPrice, order.endPrice) = (start, end);
        (order.startTime, order.endTime) = (START, START);
    }

    function _surround(uint16 feeBps, uint16 royaltyBps) private returns (IMarket) {
        vm.assume(feeBps <= 500 && royaltyBps <= 5000);
        surroundings.set(royaltyBps);
        return IMarket(
            deployCode("Market.sol:Market", abi.encode(address(1), surroundings, surroundings, feeBps, address(2)))
        );
    }
}
