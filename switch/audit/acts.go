package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// act is a line of the record of what operators did.
type act struct {
	N       uint64          `json:"n"`
	At      time.Time       `json:"at"`
	Who     string          `json:"who"`
	Role    string          `json:"role"`
	What    string          `json:"what"`
	Details json.RawMessage `json:"details"`
	Before  string          `json:"before"` // hash of the line before, zeros for the first
	Hash    string          `json:"hash"`
}

// actDetails is what of an act's details is held against other acts.
type actDetails struct {
	Begun   uint64 `json:"begun"`
	Outcome string `json:"outcome"`
}

// sum is the hash that an act has: SHA-256 of the hash before, number and time (nanoseconds) as eight bytes each, and
// the texts, each behind its length as four.
func (a *act) sum(before []byte) []byte {
	b := binary.BigEndian.AppendUint64(before, a.N)
	b = binary.BigEndian.AppendUint64(b, uint64(a.At.UnixNano()))
	for _, text := range []string{a.Who, a.Role, a.What, string(a.Details)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	hash := sha256.Sum256(b)
	return hash[:]
}

// ActHashLen is the length of an act's hash in bytes.
const ActHashLen = sha256.Size

// lookAtCard is what an act is that shows whom a whole card number belongs to: the one search that is recorded.
const lookAtCard = "payments/search"

// An ActsReport is what was found in the record of what operators did, held against itself.
type ActsReport struct {
	Acts    int       `json:"acts"`
	Looks   int       `json:"looks"`          // searches for whole card numbers among them
	Unended int       `json:"unended"`        // begun, and what came of it is not recorded: the switch ended meanwhile
	From    time.Time `json:"from,omitzero"`  // of the oldest
	To      time.Time `json:"to,omitzero"`    // of the newest
	Newest  uint64    `json:"newest"`         // its number
	Hash    string    `json:"hash,omitempty"` // its hash, hex

	// DifferenceCount counts all differences; Differences holds the first of them.
	DifferenceCount int          `json:"difference_count"`
	Differences     []Difference `json:"differences"`
}

// SeenAct is an act that was noted elsewhere.
type SeenAct struct {
	N    uint64
	Hash string // hex, small letters
}

// CheckActs reads the record of what operators did: its numbers have no gap, its hashes chain, what ends was begun by
// the same, and the act that was seen before is still there, where seen is not nil. limit bounds Differences.
func CheckActs(ctx context.Context, open Open, seen *SeenAct, limit int) (*ActsReport, error) {
	report := newReport(Options{Limit: limit})
	a := newActs(report)
	a.seen = seen
	if err := lines(ctx, "acts", open, a.line); err != nil {
		return nil, err
	}
	if seen != nil && a.newest < seen.N {
		a.differ("the record ends with act %d: act %d was seen before, and is gone", a.newest, seen.N)
	}
	found := &ActsReport{
		Acts: report.Acts, Looks: a.looks, Unended: len(a.begun), From: a.from, To: a.to, Newest: a.newest,
		DifferenceCount: report.DifferenceCount, Differences: report.Differences,
	}
	if found.Acts > 0 {
		found.Hash = hex.EncodeToString(a.hash)
	}
	return found, nil
}

// acts holds the record against itself while it streams past.
type acts struct {
	report   *Report
	seen     *SeenAct // nil: none
	newest   uint64
	hash     []byte
	begun    map[uint64]act // and not ended so far
	looks    int
	from, to time.Time
}

func newActs(report *Report) *acts {
	return &acts{report: report, hash: make([]byte, ActHashLen), begun: map[uint64]act{}}
}

// readActs reads the record as [CheckActs] does, into a report of all books.
func readActs(ctx context.Context, open Open, report *Report) error {
	if open == nil {
		return nil
	}
	return lines(ctx, "acts", open, newActs(report).line)
}

func (a *acts) line(line []byte) error {
	var one act
	var details actDetails
	if err := decode(line, &one); err != nil {
		return err
	}
	if err := decode(one.Details, &details); err != nil {
		return fmt.Errorf("field details: %w", err)
	}
	before, hash := hex.EncodeToString(a.hash), one.sum(a.hash[:len(a.hash):len(a.hash)])
	if one.N != a.newest+1 {
		a.differ("act %d follows act %d: expected %d", one.N, a.newest, a.newest+1)
	}
	if one.Before != before || one.Hash != hex.EncodeToString(hash) {
		a.differ("act %d, %s by %s: its hash is not that of what stands there and of the act before", one.N, one.What,
			one.Who)
		if sum, err := hex.DecodeString(one.Hash); err == nil && len(sum) == sha256.Size {
			hash = sum // so that one break is told once
		}
	}
	if a.seen != nil && one.N == a.seen.N && hex.EncodeToString(hash) != a.seen.Hash {
		a.differ("act %d, %s by %s, is not the one that was seen before: it, or one before it, was changed", one.N, one.What,
			one.Who)
	}
	a.ends(&one, &details)
	if a.report.Acts == 0 {
		a.from = one.At
	}
	if one.What == lookAtCard {
		a.looks++
	}
	a.newest, a.hash, a.to = one.N, hash, one.At
	a.report.Acts++
	return nil
}

// ends holds an act against the one that it is the end of.
func (a *acts) ends(one *act, details *actDetails) {
	if details.Outcome == "begun" {
		a.begun[one.N] = act{Who: one.Who, What: one.What}
		return
	}
	if details.Begun == 0 { // refused before it began
		return
	}
	if first, there := a.begun[details.Begun]; !there || first.Who != one.Who || first.What != one.What {
		a.differ("act %d, %s by %s, is the end of act %d, which did not begin it", one.N, one.What, one.Who, details.Begun)
	}
	delete(a.begun, details.Begun)
}

func (a *acts) differ(format string, args ...any) {
	a.report.differ(Difference{Kind: ActsChanged, Detail: fmt.Sprintf(format, args...)})
}
