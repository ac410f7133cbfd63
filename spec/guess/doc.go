// Package guess says what bytes look like that were expected to be ISO 8583 and do not fit: which framing, header,
// bitmap, encoding and dialect would explain them, best first, each with its reasons in words.
//
//	bytes ──anchors──▶ where could an MTI and a bitmap be, written how?
//	      ──cuts─────▶ which header and length stand in front, and do they lead from frame to frame?
//	      ──fits─────▶ how far does each dialect read the frames, and are dates and card numbers ones?
//	      ──ranks────▶ Hypothesis, Hypothesis, …
//
// What it guarantees: it is deterministic, looks at so many bytes and frames at most, and shows no byte behind a
// bitmap, so that what it says may be logged. It calls a hypothesis certain only where every frame is read to its end
// in it, the messages have enough in them to tell dialects apart, and no other candidate reads them too.
//
// Read anchor.go, cut.go, fit.go (how well one way reads the bytes), guess.go (all ways) and words.go, in this order.
//
// What it is not: a parser. What it says of a dialect is what the codecs that it is given say; a dialect that it does
// not know it describes by its framing, MTI and bitmap alone.
package guess
