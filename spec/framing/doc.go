// Package framing says where a message begins and ends on a connection: a length in front, headers between it and the
// message, a trailer behind.
//
//	length   headers, in their order   message   trailer
//	00 3a    60 00 03 00 00            0800...   03
//
// The length counts all that stands behind it; with inclusive itself, too.
//
// A [Format] is made of its text form by [Parse]: parts joined by +, in the order of the bytes.
//
//	length   binary2 (default), binary4, bcd2, ascii4, none
//	         inclusive: it counts itself, too
//	headers  tpdu:6000030000    5 bytes of BCD, addresses swapped in an answer; tpdu alone is 6000000000
//	         header:00c0ffee    bytes; those of a request are echoed in its answer
//	         text:ISO006000020  alike, characters; what comes must have the same letters
//	         visa               22 bytes: the first says how many, the fourth and fifth how long the message is with
//	                            them; visa: and 44 hex digits sets the others. Stations are swapped in an answer
//	         set                behind headers: an answer has them as they stand here, and not those of its request
//	trailer  trailer:03         bytes behind the message
//
// Read format.go (the text form), cut.go (reading) and append.go (writing), in this order.
//
// It guarantees that what it appends it cuts again; that no bytes take it down; that a frame which it cannot cut is an
// [Error] that says what was expected and, where that is known, how many bytes to pass over; and that neither cutting
// nor appending allocates but for an error. Errors carry no bytes of a message.
//
// What it is not: it knows no dialect. With none, no trailer and no visa only a message itself says where it ends:
// [Format.Measuring] takes the function of its dialect's codec that knows.
package framing
