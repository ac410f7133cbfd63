package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// recordedAct is a line of the record of what operators did: the bytes of the act, and the SHA-256 of the hash of the
// line before (zeros for the first) and these bytes.
type recordedAct struct {
	Record json.RawMessage `json:"record"`
	Hash   string          `json:"hash"`
}

// act is what of it is held against the others.
type act struct {
	N       uint64 `json:"n"`
	Who     string `json:"who"`
	What    string `json:"what"`
	Begun   uint64 `json:"begun"`
	Outcome string `json:"outcome"`
}

// acts holds the record against itself while it streams past.
type acts struct {
	report *Report
	newest uint64
	hash   [sha256.Size]byte
	begun  map[uint64]act // and not ended so far
}

// readActs reads the record of what operators did: its numbers have no gap, its hashes chain, and what ends was begun.
func readActs(ctx context.Context, open Open, report *Report) error {
	if open == nil {
		return nil
	}
	a := &acts{report: report, begun: map[uint64]act{}}
	return lines(ctx, "acts", open, a.line)
}

func (a *acts) line(line []byte) error {
	var kept recordedAct
	var one act
	if err := decode(line, &kept); err != nil {
		return err
	}
	if err := decode(kept.Record, &one); err != nil {
		return fmt.Errorf("field record: %w", err)
	}
	hash := sha256.Sum256(append(a.hash[:], kept.Record...))
	if said := hex.EncodeToString(hash[:]); said != kept.Hash {
		a.differ("act %d, %s by %s: its hash is not that of what stands there and of the act before", one.N, one.What,
			one.Who)
		if sum, err := hex.DecodeString(kept.Hash); err == nil && len(sum) == len(hash) {
			hash = [sha256.Size]byte(sum) // so that one break is told once
		}
	}
	if one.N != a.newest+1 {
		a.differ("act %d follows act %d: expected %d", one.N, a.newest, a.newest+1)
	}
	a.ends(&one)
	a.newest, a.hash = one.N, hash
	a.report.Acts++
	return nil
}

// ends holds an act against the one that it is the end of.
func (a *acts) ends(one *act) {
	if one.Outcome == "begun" {
		a.begun[one.N] = *one
		return
	}
	if one.Begun == 0 { // refused before it began
		return
	}
	if first, there := a.begun[one.Begun]; !there || first.Who != one.Who || first.What != one.What {
		a.differ("act %d, %s by %s, is the end of act %d, which did not begin it", one.N, one.What, one.Who, one.Begun)
	}
	delete(a.begun, one.Begun)
}

func (a *acts) differ(format string, args ...any) {
	a.report.differ(Difference{Kind: ActsChanged, Detail: fmt.Sprintf(format, args...)})
}
