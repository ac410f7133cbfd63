package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/operator"
)

// testActs is the record of a switch: a cutover, one that who may not has asked for, and a backup that a crash cut off.
func testActs() string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	var before [sha256.Size]byte
	for i, d := range []struct{ who, what, details string }{
		{"otto", "cutover", `{"parameters":{"wait":"1m0s","ahead":"true"},"outcome":"begun"}`},
		{"otto", "cutover", `{"begun":1,"outcome":"done"}`},
		{"rita", "cutover", `{"outcome":"refused","error":"rita has not the role operate"}`},
		{"otto", "backup", `{"parameters":{"dir":"/b"},"outcome":"begun"}`},
	} {
		act := journal.Act{
			Number: uint64(i + 1), At: time.Date(2026, 11, 20, 12, 0, i, 0, time.UTC), Who: d.who, Role: "operate", What: d.what,
			Details: json.RawMessage(d.details), Before: before,
		}
		hash := act.Hash()
		_ = enc.Encode(operator.Act{ // into memory
			N: act.Number, At: act.At, Who: act.Who, Role: operator.RoleOperate, What: act.What, Details: act.Details,
			Before: hex.EncodeToString(before[:]), Hash: hex.EncodeToString(hash[:]),
		})
		before = hash
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// The command shows a line a call, with what came of it.
func TestActs(t *testing.T) {
	at := newAuditBooks(t).serve(t)
	out, _, err := execute(t, newActsCmd(), "--operator", at)
	const want = `N  AT                    WHO   ROLE     WHAT                          OUTCOME
1  2026-11-20T12:00:00Z  otto  operate  cutover ahead=true wait=1m0s  done
3  2026-11-20T12:00:02Z  rita  operate  cutover                       refused: rita has not the role operate
4  2026-11-20T12:00:03Z  otto  operate  backup dir=/b                 begun
`
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err = execute(t, newActsCmd(), "--operator", at, "--json")
	if err != nil || strings.Count(out, "\n") != 4 || !strings.HasPrefix(out, `{"n":1,`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// The audit finds an act that was changed, and asks no switch for a record that has none.
func TestAuditOfActs(t *testing.T) {
	b := newAuditBooks(t)
	b.acts = strings.Replace(testActs(), `"who":"rita"`, `"who":"otto"`, 1)
	at := b.serve(t)
	out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at)
	if !errors.Is(err, errNo) || !strings.Contains(out, "act 3, cutover by otto: its hash") {
		t.Errorf("%v\n%s", err, out)
	}
	b.acts = ""
	at = b.serve(t)
	if out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at); err != nil {
		t.Errorf("a switch of before there was any record: %v\n%s", err, out)
	}
	gone := listen(t, http.NotFoundHandler())
	_, _, err = execute(t, newActsCmd(), "--operator", gone)
	if err == nil || !strings.Contains(err.Error(), "right port") {
		t.Errorf("another program: %v", err)
	}
}
