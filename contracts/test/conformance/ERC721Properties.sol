// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BaseTest} from "../Base.t.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";

/// @notice Takes tokens, and remembers what it was told.
contract Taker is IERC721Receiver {
    bytes public received;

    function onERC721Received(address operator, address from, uint256 id, bytes calldata data)
        external
        returns (bytes4)
    {
        received = abi.encode(operator, from, id, data);
        return IERC721Receiver.onERC721Received.selector;
    }
}

/// @notice Answers with something else.
contract WrongTaker {
    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return 0xdeadbeef;
    }
}

/// @notice Refuses with words.
contract RudeTaker {
    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        revert("no tokens please");
    }
}

/// @notice What ERC-721 and ERC-165 ask of every collection, whatever is behind it.
abstract contract ERC721Properties is BaseTest {
    IERC721 internal nft;

    /// @dev Sets `nft` after the system is deployed.
    function _deploy() internal virtual;

    /// @dev A new token for `to`, by the collection's own way.
    function _mintTo(address to) internal virtual returns (uint256 id);

    function setUp() public virtual override {
        super.setUp();
        _deploy();
    }

    // ------------------------------------------------------------------------------------------------------- balances

    function testFuzz_MintingAddsOneToken(address to) public {
        vm.assume(to != address(0) && to.code.length == 0);
        uint256 before = nft.balanceOf(to);
        uint256 id = _mintTo(to);
        assertEq(nft.ownerOf(id), to);
        assertEq(nft.balanceOf(to), before + 1);
        assertEq(nft.getApproved(id), address(0));
    }

    function test_IdsAreNew() public {
        uint256 first = _mintTo(alice);
        uint256 second = _mintTo(alice);
        assertNotEq(first, second);
        assertEq(nft.balanceOf(alice), 2);
    }

    function test_RevertWhen_ZeroIsAskedForItsBalance() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOwner.selector, address(0)));
        nft.balanceOf(address(0));
    }

    function testFuzz_RevertWhen_TheTokenDoesNotExist(uint256 id) public {
        uint256 last = _mintTo(alice);
        vm.assume(id == 0 || id > last);
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id);
        vm.expectRevert(refusal);
        nft.ownerOf(id);
        vm.expectRevert(refusal);
        nft.getApproved(id);
        vm.expectRevert(refusal);
        nft.approve(bob, id);
        vm.expectRevert();
        nft.transferFrom(alice, bob, id);
        vm.expectRevert();
        nft.transferFrom(address(0), bob, id);
    }

    // ------------------------------------------------------------------------------------------------------ transfers

    function testFuzz_TransferMovesOneToken(address to) public {
        vm.assume(to != address(0));
        uint256 id = _mintTo(alice);
        uint256 kept = _mintTo(alice);
        uint256 before = nft.balanceOf(to);
        vm.expectEmit(address(nft));
        emit IERC721.Transfer(alice, to, id);
        vm.prank(alice);
        nft.transferFrom(alice, to, id);
        assertEq(nft.ownerOf(id), to);
        assertEq(nft.ownerOf(kept), alice);
        assertEq(nft.balanceOf(alice), to == alice ? 2 : 1);
        assertEq(nft.balanceOf(to), to == alice ? 2 : before + 1);
    }

    function test_TransferThereAndBackChangesNothing() public {
        uint256 id = _mintTo(alice);
        vm.prank(alice);
        nft.transferFrom(alice, bob, id);
        vm.prank(bob);
        nft.transferFrom(bob, alice, id);
        assertEq(nft.ownerOf(id), alice);
        assertEq(nft.balanceOf(alice), 1);
        assertEq(nft.balanceOf(bob), 0);
    }

    function testFuzz_RevertWhen_TheCallerMayNot(address caller) public {
        // Nobody calls from zero, which stands for "unchecked" within some implementations.
        vm.assume(caller != alice && caller != address(0));
        uint256 id = _mintTo(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, caller, id));
        vm.prank(caller);
        nft.transferFrom(alice, bob, id);
        assertEq(nft.ownerOf(id), alice);
    }

    function test_RevertWhen_FromIsNotTheOwner() public {
        uint256 id = _mintTo(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, bob, id, alice));
        vm.prank(alice);
        nft.transferFrom(bob, stranger, id);
    }

    function test_RevertWhen_SentToNobody() public {
        uint256 id = _mintTo(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        vm.prank(alice);
        nft.transferFrom(alice, address(0), id);
    }

    // ------------------------------------------------------------------------------------------------------ approvals

    function test_AnApprovedAccountTransfersOnce() public {
        uint256 id = _mintTo(alice);
        vm.expectEmit(address(nft));
        emit IERC721.Approval(alice, stranger, id);
        vm.prank(alice);
        nft.approve(stranger, id);
        assertEq(nft.getApproved(id), stranger);
        vm.prank(stranger);
        nft.transferFrom(alice, bob, id);
        assertEq(nft.getApproved(id), address(0));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, stranger, id));
        vm.prank(stranger);
        nft.transferFrom(bob, stranger, id);
    }

    function test_ATransferToOneselfClearsTheApproval() public {
        uint256 id = _mintTo(alice);
        vm.startPrank(alice);
        nft.approve(stranger, id);
        nft.transferFrom(alice, alice, id);
        assertEq(nft.getApproved(id), address(0));
        assertEq(nft.balanceOf(alice), 1);
    }

    function test_AnApprovalIsTakenBack() public {
        uint256 id = _mintTo(alice);
        vm.startPrank(alice);
        nft.approve(stranger, id);
        nft.approve(address(0), id);
        vm.stopPrank();
        assertEq(nft.getApproved(id), address(0));
        vm.expectRevert();
        vm.prank(stranger);
        nft.transferFrom(alice, stranger, id);
    }

    /// @dev The note that a token may be approved must survive the second round too.
    function test_ApprovalsAreClearedEveryTime() public {
        uint256 id = _mintTo(alice);
        (address from, address to) = (alice, bob);
        for (uint256 i; i < 4; ++i) {
            if (i != 1) {
                vm.prank(from);
                nft.approve(stranger, id);
            }
            vm.prank(from);
            nft.transferFrom(from, to, id);
            assertEq(nft.getApproved(id), address(0));
            (from, to) = (to, from);
        }
    }

    function test_AnOperatorActsForAllUntilRevoked() public {
        uint256 first = _mintTo(alice);
        uint256 second = _mintTo(alice);
        vm.expectEmit(address(nft));
        emit IERC721.ApprovalForAll(alice, stranger, true);
        vm.prank(alice);
        nft.setApprovalForAll(stranger, true);
        assertTrue(nft.isApprovedForAll(alice, stranger));
        vm.startPrank(stranger);
        nft.approve(stranger, second);
        nft.transferFrom(alice, bob, first);
        vm.stopPrank();
        vm.startPrank(alice);
        nft.approve(address(0), second);
        nft.setApprovalForAll(stranger, false);
        vm.stopPrank();
        vm.expectRevert();
        vm.prank(stranger);
        nft.transferFrom(alice, bob, second);
        assertFalse(nft.isApprovedForAll(bob, stranger));
    }

    function testFuzz_ApproveLetsOneAccountMoveOneToken(address spender, address to) public {
        vm.assume(spender != address(0) && spender != alice && to != address(0));
        uint256 id = _mintTo(alice);
        uint256 kept = _mintTo(alice);
        vm.prank(alice);
        nft.approve(spender, id);
        assertEq(nft.getApproved(id), spender);
        vm.startPrank(spender);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, spender, kept));
        nft.transferFrom(alice, to, kept);
        nft.transferFrom(alice, to, id);
        assertEq(nft.ownerOf(id), to);
        assertEq(nft.ownerOf(kept), alice);
    }

    function testFuzz_SetApprovalForAll(address operator, bool first, bool second) public {
        vm.assume(operator != address(0) && operator != alice);
        uint256 id = _mintTo(alice);
        vm.startPrank(alice);
        nft.setApprovalForAll(operator, first);
        assertEq(nft.isApprovedForAll(alice, operator), first);
        nft.setApprovalForAll(operator, second);
        assertEq(nft.isApprovedForAll(alice, operator), second);
        vm.stopPrank();
        if (!second) {
            vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, operator, id));
        }
        vm.prank(operator);
        nft.transferFrom(alice, bob, id);
        assertEq(nft.ownerOf(id), second ? bob : alice);
    }

    function testFuzz_RevertWhen_AStrangerApproves(address caller) public {
        vm.assume(caller != alice && caller != address(0));
        uint256 id = _mintTo(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidApprover.selector, caller));
        vm.prank(caller);
        nft.approve(caller, id);
    }

    // -------------------------------------------------------------------------------------------------- safe transfers

    function testFuzz_SafeTransferTellsTheReceiver(bytes memory data) public {
        Taker taker = new Taker();
        uint256 id = _mintTo(alice);
        vm.prank(alice);
        nft.safeTransferFrom(alice, address(taker), id, data);
        assertEq(nft.ownerOf(id), address(taker));
        assertEq(taker.received(), abi.encode(alice, alice, id, data));
    }

    function test_SafeTransferTellsWhoMovedIt() public {
        Taker taker = new Taker();
        uint256 id = _mintTo(alice);
        vm.prank(alice);
        nft.setApprovalForAll(bob, true);
        vm.prank(bob);
        nft.safeTransferFrom(alice, address(taker), id);
        assertEq(taker.received(), abi.encode(bob, alice, id, bytes("")));
    }

    function test_SafeTransferToAnAccountNeedsNoAnswer() public {
        uint256 id = _mintTo(alice);
        vm.prank(alice);
        nft.safeTransferFrom(alice, bob, id);
        assertEq(nft.ownerOf(id), bob);
    }

    function test_RevertWhen_TheReceiverDoesNotTakeTokens() public {
        uint256 id = _mintTo(alice);
        vm.startPrank(alice);
        address[2] memory refusing = [address(new WrongTaker()), address(token)];
        for (uint256 i; i < refusing.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, refusing[i]));
            nft.safeTransferFrom(alice, refusing[i], id);
        }
        address rude = address(new RudeTaker());
        vm.expectRevert("no tokens please");
        nft.safeTransferFrom(alice, rude, id);
        nft.transferFrom(alice, rude, id);
        assertEq(nft.ownerOf(id), rude);
    }

    // -------------------------------------------------------------------------------------------------------- ERC-165

    function test_Interfaces() public view {
        assertTrue(_supports(0x01ffc9a7), "ERC-165");
        assertTrue(_supports(0x80ac58cd), "ERC-721");
        assertTrue(_supports(0x5b5e139f), "ERC-721 metadata");
        assertFalse(_supports(0xffffffff), "the id that is never supported");
    }

    function testFuzz_NoOtherInterfaces(bytes4 interfaceId) public view {
        vm.assume(interfaceId != 0x01ffc9a7 && interfaceId != 0x80ac58cd && interfaceId != 0x5b5e139f);
        assertEq(_supports(interfaceId), _isExtra(interfaceId));
    }

    /// @dev Interfaces beyond ERC-721's own.
    function _isExtra(bytes4) internal pure virtual returns (bool) {
        return false;
    }

    /// @dev ERC-165 allows 30 000 gas.
    function _supports(bytes4 interfaceId) internal view returns (bool) {
        return IERC165(address(nft)).supportsInterface{gas: 30_000}(interfaceId);
    }
}
