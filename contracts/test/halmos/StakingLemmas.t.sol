// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Streams} from "../../src/libraries/Streams.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Lemmas on the arithmetic of yield, for all values of their arguments: ./dev audit lemmas. To forge no tests.
/// @dev Money is symbolic; what is divided by, and times, are picked from the lists below: dividing by symbols is beyond
/// solvers. The fuzz and invariant tests have the rest.
contract StakingLemmas is Test {
    using Streams for Streams.Stream;

    uint256 private constant STEP = Streams.STEP;
    uint256 private constant STAKES = 5;
    uint256 private constant TIMES = 4;

    Streams.Stream private stream;
    mapping(uint256 end => uint256 rate) private ends;
    /// @dev Read from storage, so that the compiler does not hash them: Halmos would take the slots for others.
    uint256 private end1 = STEP;
    uint256 private end2 = 2 * STEP;

    /// @dev Nothing of a funding is lost: what does not divide into a rate is carried, below one part a second. For amounts
    /// below 2^16 over 1, 2, 3, 7 and 10 seconds.
    function check_SplitKeepsAll(uint16 amount, uint8 pick) external pure {
        uint256 length = _stake(pick);
        (uint256 rate, uint256 left) = Streams.split(amount, length);
        unchecked {
            assert(rate * length + left == amount * Streams.PARTS);
        }
        assert(left < length);
    }

    /// @dev Nothing of what drips is lost: two backers' accruals and what is carried are all of it. For parts below 2^64 and
    /// stakes of 1, 2, 3, 7 and 10.
    function check_SpreadKeepsAll(uint64 parts, uint8 pick) external pure {
        uint256 stake = _stake(pick);
        (uint256 rise, uint256 left) = Streams.spread(parts, stake);
        unchecked {
            assert(rise * (stake / 3) + rise * (stake - stake / 3) + left == parts);
        }
        assert(left < stake);
    }

    /// @dev Settling in between changes nothing: what is carried makes up for it exactly. For parts below 2^8 and the same
    /// stakes.
    function check_SettlingTwiceIsSettlingOnce(uint8 first, uint8 second, uint8 carried, uint8 pick) external pure {
        uint256 stake = _stake(pick);
        (uint256 rise1, uint256 left1) = Streams.spread(uint256(first) + carried, stake);
        (uint256 rise2, uint256 left2) = Streams.spread(uint256(second) + left1, stake);
        (uint256 rise, uint256 left) = Streams.spread(uint256(first) + second + carried, stake);
        assert(rise1 + rise2 == rise);
        assert(left2 == left);
    }

    /// @dev Whenever it is settled in between, the same drips: of the whole, what its time has come for. For a rate below
    /// 2^64 that ends after one step beside one of 5 that ends after two, at the times of the list.
    function check_DripInPartsIsDripAtOnce(uint64 rate1, uint8 pickMiddle, uint8 pickUntil) external {
        (uint256 middle, uint256 until) = (_time(pickMiddle), _time(pickUntil));
        vm.assume(middle <= until);
        ends[end1] = rate1;
        ends[end2] = 5;
        uint256[3] memory first = _drip(uint256(rate1) + 5, 0, middle);
        // A stream that runs dry stops its clock.
        uint256[3] memory second = _drip(first[1], first[2], first[2] + until - middle);
        unchecked {
            uint256 expected = _min(until, STEP) * rate1 + _min(until, 2 * STEP) * 5;
            assert(first[0] + second[0] == expected);
        }
        assert(second[1] == (until < STEP ? uint256(rate1) + 5 : until < 2 * STEP ? 5 : 0));
    }

    /// @dev In storage: what drips is spread over the stakes, and nothing else. For a rate and a rest below 2^64 beside a rate
    /// of 5, a stake of 3, at the times of the list.
    function check_SettleSpreadsWhatDrips(uint64 rate1, uint64 carried, uint8 pick) external {
        uint256 time = _time(pick);
        _open(rate1, 5, carried);
        stream.stake = 3;
        vm.warp(block.timestamp + time);
        uint256 index = stream.settle();
        unchecked {
            uint256 dripped = _min(time, STEP) * rate1 + _min(time, 2 * STEP) * 5;
            (uint256 rise, uint256 left) = Streams.spread(dripped + carried, 3);
            assert(index == rise && stream.index == rise && stream.carried == left);
        }
        assert(stream.rate == (time < STEP ? uint256(rate1) + 5 : time < 2 * STEP ? 5 : 0));
    }

    /// @dev Nothing drips while nobody takes part. For all rates and rests below 2^128, and 136 years.
    function check_NothingDripsWithoutStake(uint128 rate1, uint128 rate2, uint128 carried, uint32 time) external {
        _open(rate1, rate2, carried);
        vm.warp(block.timestamp + time);
        try this.settle() {}
        catch {
            assert(false);
        }
        assert(stream.index == 0);
        assert(stream.rate == uint256(rate1) + rate2);
        assert(stream.clock == 0);
        assert(stream.carried == carried);
    }

    /// @dev A funding beside others leaves their rates and ends as they were. For amounts below 2^8, rates below 2^64, at the
    /// times of the list.
    function check_FundingLeavesOthersAlone(uint8 amount, uint64 rate1, uint64 rate2, uint8 pick) external {
        uint256 duration = _time(pick);
        vm.assume(duration >= STEP - 1);
        _open(rate1, rate2, 0);
        uint256 end = stream.add(amount, duration);
        uint256 added = stream.rate - rate1 - rate2;
        assert(end >= duration && end < duration + STEP && end % STEP == 0);
        assert(stream.ends[end1] == (end == STEP ? rate1 + added : rate1));
        assert(stream.ends[end2] == (end == 2 * STEP ? rate2 + added : rate2));
        assert(end != 3 * STEP || stream.ends[end] == added);
    }

    function settle() external {
        stream.settle();
    }

    /// @dev Two fundings, which end after one and two steps.
    function _open(uint256 rate1, uint256 rate2, uint128 carried) private {
        stream.ends[end1] = rate1;
        stream.ends[end2] = rate2;
        stream.rate = uint208(rate1 + rate2);
        stream.carried = carried;
        stream.updated = uint48(block.timestamp);
    }

    /// @dev What drips, and the rate and the clock after it.
    function _drip(uint256 rate, uint256 clock, uint256 until) private view returns (uint256[3] memory result) {
        (result[0], result[1], result[2]) = Streams.drip(ends, rate, clock, until);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _stake(uint256 pick) private pure returns (uint256) {
        vm.assume(pick < STAKES);
        uint256[STAKES] memory stakes = [uint256(1), 2, 3, 7, 10];
        for (uint256 i; i < STAKES; ++i) {
            if (pick == i) return stakes[i];
        }
        return 1;
    }

    function _time(uint256 pick) private pure returns (uint256) {
        vm.assume(pick < TIMES);
        uint256[TIMES] memory times = [STEP - 1, STEP + 1, 2 * STEP, 3 * STEP];
        for (uint256 i; i < TIMES; ++i) {
            if (pick == i) return times[i];
        }
        return 0;
    }
}
