// Package clearing is the format of the clearing file: it turns presentments into a file in the IPM layout and back,
// checks such files whoever wrote them, shows them to people, and writes the CSV files and the manifest that stand
// beside them. docs/clearing.md describes every byte.
//
//	Presentment ─▶ Writer ─▶ records ─▶ VBS lengths ─▶ 1014 blocks ─▶ file
//	file ─▶ Reader (recognizes code page, blocking, record lengths) ─▶ Record ─▶ Verify, Show, reconciliation
//
// It guarantees that a file is a function of its Header and its presentments in their order, and of nothing else: no
// clock, no configuration, no map order (I8). Reading and writing take constant memory, whatever the file's length,
// and no input makes the reader panic.
//
// It is not the business day: which capture belongs to which file, when a day is sealed and how a file is numbered is
// decided by its callers. It opens no files; it works on io.Reader and io.Writer.
//
// A clear card number exists in Presentment.PAN and in DE2 of the IPM file only. CSV files, errors, findings and Show
// carry the first six and the last four digits at most (I12). Nothing here claims a certification by a scheme.
package clearing
