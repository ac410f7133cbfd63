// Package spec turns ISO 8583 messages into bytes and back.
//
// A dialect is a moov-io/iso8583 MessageSpec, kept as JSON: those that Stock names are embedded (Open), a user's own
// file works the same way (OpenFile). Compile turns a MessageSpec once into a Codec, a flat table with one row a data
// element (DE), and a Codec packs and unpacks a Message, which is one buffer, one offset table and a bitmap.
//
//	JSON ──Load, LoadFile──▶ MessageSpec ──Compile──▶ Codec ──Pack──▶ bytes ──Unpack──▶ Message
//	       strict: names the field            refuses what it     0 allocations, both ways
//	                                          cannot do exactly
//
// Encodings that hosts use and the library lacks are its Encoders, in encoding.go. A dialect is of an edition of ISO
// 8583 (Version), which gives its data elements their names.
//
// What it guarantees, held by differential fuzzing against the library that the specs come from: Pack writes the bytes
// that the library writes, Unpack reads the values that the library reads, and both refuse whatever it refuses. They
// refuse more: signs in lengths and numbers, bytes after the last field, other characters than the DE's format allows,
// an MTI that is not four digits; docs/iso8583.md lists it all. Errors name the DE and the offset and never carry a
// value.
//
// The same Message means the same in all embedded dialects of an edition: numbers are digits with their leading zeros,
// text is text without its padding, and binary data (DE52, DE55, DE64, DE96, DE128) is hex text.
//
// What it is not: it keeps no connection, matches no response to a request and knows no flow. DE48 and DE55 are opaque
// to a Codec; the TLV inside them is read and written by the functions in tlv.go and emv.go.
package spec
