// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Streams
/// @notice Money that drips, evenly over time, to those whose stake takes part in it.
/// @dev Money is counted in parts, 2^80 to the token's base unit. For every stream and at every moment, exactly:
/// accrued of all + taken by all + undripped + carried == funded, in parts. Nothing is rounded away: what `split` and
/// `spread` leave is carried.
///
/// Many fundings run side by side, each at its own even rate to its own end; `rate` is their sum, `ends` says how much
/// of it stops when. So no funding can stretch, hasten or refuse another. Ends lie on whole steps of the stream's own
/// clock, so a settlement that was put off reads at most one slot a step: 54 for the longest funding, however many
/// fundings there were. The clock counts only seconds in which something drips and somebody takes part.
///
/// Bounds: all that was ever funded is below 2^128 units, hence `index`, `rate` and what any account accrued below 2^208
/// parts: a settlement cannot overflow.
library Streams {
    using SafeCast for uint256;

    uint256 internal constant PARTS = 1 << 80;
    uint256 internal constant STEP = 7 days;

    /// @param index Parts that one unit of stake accrued from the beginning on.
    /// @param updated When this was last settled.
    /// @param rate Parts that drip a second.
    /// @param clock Seconds that this stream has dripped.
    /// @param stake The stake that takes part.
    /// @param carried Parts that could not be divided yet; they go out with what drips next.
    /// @param funded Units that ever came in.
    /// @param ends The part of the rate that stops at a time of the clock.
    struct Stream {
        uint208 index;
        uint48 updated;
        uint208 rate;
        uint48 clock;
        uint128 stake;
        uint128 carried;
        uint128 funded;
        mapping(uint256 end => uint256 rate) ends;
    }

    /// @notice What changes in a stream by time alone.
    struct Moment {
        uint256 index;
        uint256 rate;
        uint256 clock;
        uint256 carried;
    }

    /// @notice Adds money that drips for `duration` seconds, rounded up to a whole step. The stream must be settled.
    /// @return end When it ends, on the stream's clock.
    function add(Stream storage self, uint256 amount, uint256 duration) internal returns (uint256 end) {
        uint256 clock = self.clock;
        end = Math.ceilDiv(clock + duration, STEP) * STEP;
        (uint256 rate, uint256 left) = split(amount, end - clock);
        self.ends[end] += rate;
        self.rate = (self.rate + rate).toUint208();
        self.carried = (self.carried + left).toUint128();
        self.funded = (self.funded + amount).toUint128();
    }

    /// @notice Brings a stream to this second.
    /// @return index The new index.
    function settle(Stream storage self) internal returns (uint256 index) {
        Moment memory moment = current(self);
        index = moment.index;
        self.index = index.toUint208();
        self.updated = uint48(block.timestamp);
        self.rate = moment.rate.toUint208();
        self.clock = moment.clock.toUint48();
        self.carried = moment.carried.toUint128();
    }

    /// @notice What a stream would be if it were settled in this second.
    function current(Stream storage self) internal view returns (Moment memory moment) {
        moment = Moment({index: self.index, rate: self.rate, clock: self.clock, carried: self.carried});
        uint256 stake = self.stake;
        if (stake == 0 || moment.rate == 0) return moment;
        uint256 dripped;
        uint256 until = moment.clock + block.timestamp - self.updated;
        (dripped, moment.rate, moment.clock) = drip(self.ends, moment.rate, moment.clock, until);
        uint256 rise;
        (rise, moment.carried) = spread(dripped + moment.carried, stake);
        moment.index += rise;
    }

    /// @notice Parts that have not dripped yet.
    function undripped(Stream storage self) internal view returns (uint256 parts) {
        Moment memory moment = current(self);
        (parts,,) = drip(self.ends, moment.rate, moment.clock, type(uint48).max);
    }

    /// @notice What drips while the clock goes from `clock` to `until`, and the rate and clock after it. A stream that
    /// runs dry stops its clock.
    function drip(mapping(uint256 end => uint256 rate) storage ends, uint256 rate, uint256 clock, uint256 until)
        internal
        view
        returns (uint256 dripped, uint256 rateAfter, uint256 clockAfter)
    {
        while (rate != 0) {
            uint256 next = (clock / STEP + 1) * STEP;
            if (next > until) return (dripped + rate * (until - clock), rate, until);
            dripped += rate * (next - clock);
            clock = next;
            rate -= ends[next];
        }
        return (dripped, 0, clock);
    }

    /// @notice The rate, in parts a second, of `amount` units over `length` seconds, and the parts left over.
    function split(uint256 amount, uint256 length) internal pure returns (uint256 rate, uint256 left) {
        return (amount * PARTS / length, amount * PARTS % length);
    }

    /// @notice By how much the index rises when `parts` go to `stake`, and the parts left over.
    function spread(uint256 parts, uint256 stake) internal pure returns (uint256 rise, uint256 left) {
        return (parts / stake, parts % stake);
    }
}
