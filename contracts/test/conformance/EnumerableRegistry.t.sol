// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC721Properties} from "./ERC721Properties.sol";
import {EnumerableRegistry} from "./EnumerableRegistry.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @notice The harness must behave as the registry, or what outside suites say of it means nothing.
contract EnumerableRegistryConformanceTest is ERC721Properties {
    EnumerableRegistry private _harness;

    function _deploy() internal override {
        _harness = new EnumerableRegistry(address(manager), payouts);
        nft = _harness;
    }

    function _mintTo(address to) internal override returns (uint256) {
        return _harness.mint(to);
    }

    function _isExtra(bytes4 interfaceId) internal pure override returns (bool) {
        return interfaceId == 0x2a55205a || interfaceId == 0x49064906;
    }

    // ------------------------------------------------------------------------------------------- burn and enumeration

    function test_Enumeration() public {
        uint256 first = _mintTo(alice);
        uint256 second = _mintTo(bob);
        _harness._customMint(alice);
        assertEq(_harness.totalSupply(), 3);
        assertEq(_harness.tokenByIndex(1), second);
        assertEq(_harness.tokenOfOwnerByIndex(alice, 0), first);
        assertEq(_harness.tokenOfOwnerByIndex(alice, 1), 3);
        vm.expectRevert("index out of bounds");
        _harness.tokenOfOwnerByIndex(bob, 1);
        vm.expectRevert("index out of bounds");
        _harness.tokenByIndex(3);
    }

    function test_Burn() public {
        uint256 id = _mintTo(alice);
        uint256 kept = _mintTo(alice);
        assertFalse(_harness.usedId(id));
        vm.expectEmit(address(nft));
        emit IERC721.Transfer(alice, address(0), id);
        vm.prank(alice);
        _harness.burn(id);
        assertTrue(_harness.usedId(id));
        assertEq(_harness.totalSupply(), 1);
        assertEq(_harness.balanceOf(alice), 1);
        assertEq(_harness.tokenByIndex(0), kept);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id));
        _harness.ownerOf(id);
        vm.expectRevert();
        vm.prank(alice);
        _harness.transferFrom(alice, bob, id);
    }

    function testFuzz_RevertWhen_AStrangerBurns(address caller) public {
        vm.assume(caller != alice && caller != address(0));
        uint256 id = _mintTo(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, caller, id));
        vm.prank(caller);
        _harness.burn(id);
    }

    /// @dev The balances of all holders, the supply and the enumeration agree after any steps.
    function testFuzz_SupplyIsTheSumOfBalances(uint256 seed) public {
        address[3] memory actors = [alice, bob, stranger];
        for (uint256 step; step < 20; ++step) {
            uint256 dice = uint256(keccak256(abi.encode(seed, step)));
            address from = actors[(dice >> 8) % 3];
            uint256 balance = _harness.balanceOf(from);
            if (dice % 3 == 0 || balance == 0) {
                _mintTo(from);
                continue;
            }
            uint256 id = _harness.tokenOfOwnerByIndex(from, (dice >> 32) % balance);
            vm.prank(from);
            if (dice % 3 == 1) _harness.burn(id);
            else _harness.transferFrom(from, actors[(dice >> 16) % 3], id);
        }
        uint256 sum;
        for (uint256 i; i < 3; ++i) {
            uint256 balance = _harness.balanceOf(actors[i]);
            sum += balance;
            for (uint256 k; k < balance; ++k) {
                assertEq(_harness.ownerOf(_harness.tokenOfOwnerByIndex(actors[i], k)), actors[i]);
            }
        }
        assertEq(_harness.totalSupply(), sum);
    }
}
