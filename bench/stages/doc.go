// Package stages measures an authorization a stage: each as a benchmark, and how often each allocates, held against
// what was recorded.
//
//	decode   a gateway's line becomes a request, and is validated
//	key      the MAC of its body, the hash and the seal of its card, the look-up of its key
//	pack     the 0100 of its record, as a frame
//	commit   its intent and its outcome, each with a sync of a disk in memory
//	send     a frame out and its answer back, matched; the issuer's end is in it
//	unpack   the 0110
//	outcome  what the answer means, written into the record
//	encode   the answer's line
//	payment  all of it: a request to a real switch before a real issuer, with the client's end and the issuer's
//	mapped   the same, where the issuer is sent its messages by a mapping
//
// make stages prints them. TestAllocations fails where a stage allocates more than bench/allocations.txt says: a count
// does not drift as times do. Every stage is driven through what its package offers to all.
package stages
