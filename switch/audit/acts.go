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

// acts holds the record against itself while it streams past.
type acts struct {
	report *Report
	newest uint64
	hash   []byte
	begun  map[uint64]act // and not ended so far
}

// readActs reads the record of what operators did: its numbers have no gap, its hashes chain, and what ends was begun.
func readActs(ctx context.Context, open Open, report *Report) error {
	if open == nil {
		return nil
	}
	a := &acts{report: report, hash: make([]byte, sha256.Size), begun: map[uint64]act{}}
	return lines(ctx, "acts", open, a.line)
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
	a.ends(&one, &details)
	a.newest, a.hash = one.N, hash
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
