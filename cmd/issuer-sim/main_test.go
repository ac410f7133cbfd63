package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
	"switchyard/switch/clearing"
)

// The test binary is the daemon when this is set.
const asDaemon = "ISSUER_SIM_TEST_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asDaemon+"=1")
	return cmd
}

// patience is how long a test waits for what must come, before it fails.
const patience = 5 * time.Minute

type daemon struct {
	ISO     string `json:"iso"`
	Control string `json:"control"`
	PID     int    `json:"pid"`
	cmd     *exec.Cmd
}

// startDaemon runs serve on free ports and waits for its ready file.
func startDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	d := &daemon{cmd: command(t, append(
		[]string{"serve", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--ready-file", ready}, args...,
	)...)}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
	})
	for deadline := time.Now().Add(patience); ; {
		b, err := os.ReadFile(ready)
		if err == nil {
			if err := json.Unmarshal(b, d); err != nil {
				t.Fatal(err)
			}
			return d
		}
		if time.Now().After(deadline) {
			t.Fatal("not ready")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (d *daemon) authorizations(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://" + d.Control + "/v1/authorizations")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// authorize sends n authorizations and returns when all are answered.
func (d *daemon) authorize(t *testing.T, first, n int) {
	t.Helper()
	conn, err := net.Dial("tcp", d.ISO)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	codec := spec.MustCodec(spec.DefaultDialect)
	var out []byte
	for i := range n {
		var m spec.Message
		m.SetMTI("0100")
		for de, value := range map[int]string{
			2: "4111111111111111", 3: "000000", 4: "000000001000", 7: "1121120000", 32: "400001",
			37: fmt.Sprintf("R%011d", first+i), 49: "978",
		} {
			m.Set(de, value)
		}
		m.SetUint(11, uint64(first+i), 6)
		if out, err = codec.PackFrame(out, &m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	for range n {
		var header [2]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, binary.BigEndian.Uint16(header[:]))); err != nil {
			t.Fatal(err)
		}
	}
}

// What was answered is there after kill -9, and SIGTERM ends the daemon with exit code 0.
func TestKill(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	want := ""
	for round := range 3 {
		d := startDaemon(t, "--data", data)
		if d.PID != d.cmd.Process.Pid {
			t.Errorf("pid %d in the ready file, %d started", d.PID, d.cmd.Process.Pid)
		}
		if got := d.authorizations(t); got != want {
			t.Fatalf("round %d: %s\nwant %s", round, got, want)
		}
		d.authorize(t, round*100, 100)
		if want = d.authorizations(t); strings.Count(want, "\n") != (round+1)*100 {
			t.Fatalf("round %d: %d authorizations", round, strings.Count(want, "\n"))
		}
		if round == 2 {
			if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := d.cmd.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
			break
		}
		if err := d.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = d.cmd.Wait()
	}
	if info, err := os.Stat(filepath.Join(data, "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", info, err)
	}
	if d := startDaemon(t, "--data", data, "--sync"); d.authorizations(t) != want {
		t.Error("after SIGTERM something is missing")
	}
}

// What it keeps is its user's alone, although the umask lets everybody read.
func TestDataIsItsUsersAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	data := filepath.Join(t.TempDir(), "data")
	startDaemon(t, "--data", data).authorize(t, 0, 1)
	files := 0
	err := filepath.WalkDir(data, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if err == nil && info.Mode().Perm() != want {
			t.Errorf("%s: mode %04o, want %04o", name, info.Mode().Perm(), want)
		}
		return err
	})
	if least := len([]string{"key", "log", "LOCK"}); err != nil || files < least {
		t.Errorf("%d files, %v; want %d or more", files, err, least)
	}
}

// A folder in which others may write and a key that they may read are refused, with the command that mends it.
func TestDataOfOthers(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	key := filepath.Join(data, "key")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, []byte("any"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		mode fs.FileMode
		want string
	}{{data, 0o777, "data: .*chmod 700 " + data}, {key, 0o644, "chmod 600 " + key}} {
		before, err := os.Stat(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(c.name, c.mode); err != nil {
			t.Fatal(err)
		}
		said, err := command(t, "serve", "--listen", "127.0.0.1:0", "--control", "", "--data", data).CombinedOutput()
		if err == nil || !regexp.MustCompile(c.want).Match(said) {
			t.Errorf("%s of mode %04o: %v, %s", c.name, c.mode, err, said)
		}
		if err := os.Chmod(c.name, before.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("listen: 127.0.0.1:0\nlisten_to: all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "--config", fifo}, fifo + ": is a FIFO, expected a regular file"},
		{[]string{"serve", "--config", "/dev/zero"}, "/dev/zero: is a device"},
		{[]string{"serve", "--rules", fifo, "--listen", "127.0.0.1:0"}, fifo + ": is a FIFO"},
		{[]string{"serve", "--rules", filepath.Dir(fifo), "--listen", "127.0.0.1:0"}, "is a directory, expected a file"},
		{[]string{"serve", "--dialect", filepath.Dir(fifo)}, "is a directory, expected a file"},
		{[]string{"clearing", "take", fifo}, fifo + ": is a FIFO"},
		{[]string{"serve", "--config", bad}, "line 2: unknown key \"listen_to\""},
		{[]string{"serve", "--config", "nowhere.yaml"}, "nowhere.yaml"},
		{[]string{"serve", "--rules", bad, "--listen", "127.0.0.1:0"}, "unknown key \"listen\""},
		{[]string{"serve", "--dialect", "iso99"}, "iso87ascii"},
		{[]string{"serve", "--log-level", "loud"}, "want debug, info, warn or error"},
		{[]string{"serve", "--log-format", "xml"}, `--log-format: "xml": want json or console`},
		{[]string{"serve", "--listen", "nowhere"}, "nowhere"},
		{[]string{"serve", "--connect", "127.0.0.1:1", "--connections", "0", "--control", ""}, "connections: 0: expected 1"},
		{[]string{"serve", "--repeats", "11,RRN"}, `repeats: "RRN": expected numbers of elements with commas between them`},
		{[]string{"serve", "--repeats", "11,39", "--listen", "127.0.0.1:0", "--control", ""},
			"repeats: 39: expected some of 2 3"},
		{[]string{"serve", "--repeats", "4,4", "--listen", "127.0.0.1:0", "--control", ""},
			"repeats: 4: expected some of 2 3"},
		{[]string{"serve", "--codes", "00"}, `codes: "00": expected a response code and what stands in its place`},
		{[]string{"serve", "--codes", "00=1,00=2"}, `codes: "00=2": expected`},
		{[]string{"serve", "--codes", "00=776", "--listen", "127.0.0.1:0", "--control", ""},
			`codes: 00: "776": expected a response code of 2 characters`},
		{[]string{"sreve"}, "unknown command"},
	} {
		var stderr bytes.Buffer
		cmd := command(t, c.args...)
		cmd.Stderr = &stderr
		err := cmd.Run()
		if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%v: %v, %s; want exit code 1 and %q", c.args, err, stderr.String(), c.want)
		}
	}
}

// Flags say what answers repeat, and which codes they have.
func TestAnswersOfFlags(t *testing.T) {
	d := startDaemon(t, "--repeats", "11, 37", "--codes", "00=76")
	conn, err := net.Dial("tcp", d.ISO)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	codec := spec.MustCodec(spec.DefaultDialect)
	var m spec.Message
	m.SetMTI("0800")
	for de, value := range map[int]string{7: "1121120000", 11: "000002", 37: "R00000000001", 70: "301"} {
		m.Set(de, value)
	}
	frame, err := codec.PackFrame(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	var header [2]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, binary.BigEndian.Uint16(header[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	if err := codec.Unpack(answer, &m); err != nil {
		t.Fatal(err)
	}
	if m.String(11) != "000002" || m.String(37) != "R00000000001" || m.String(39) != "76" || m.Has(7) || m.Has(70) {
		t.Errorf("STAN %s, RRN %s, code %s, DE7 %t, DE70 %t", m.String(11), m.String(37), m.String(39), m.Has(7), m.Has(70))
	}
}

// The control HTTP is reached by the names of control_hosts, and by no others.
func TestControlHosts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer-sim.yaml")
	if err := os.WriteFile(file, []byte("control_hosts: [issuer]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, "--config", file)
	for host, want := range map[string]int{"issuer:9584": http.StatusOK, "site.example:9584": http.StatusForbidden} {
		req, err := http.NewRequest(http.MethodGet, "http://"+d.Control+"/v1/stats", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("by %s: %s, want %d", host, resp.Status, want)
		}
	}
}

func TestCards(t *testing.T) {
	out, err := command(t, "cards").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range issuersim.TestCards() {
		if !strings.Contains(string(out), c.Number) || !strings.Contains(string(out), c.Purpose) {
			t.Errorf("no card %s in %s", c.Number, out)
		}
	}
}

// A running issuer is handed a file, charges back and ends the window, each by a command; what is refused ends with 1.
func TestClearingCommands(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	d := startDaemon(t, "--out", out)
	date := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	arn, err := clearing.ARN("400001", date, 1)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := clearing.NewWriter(&file, clearing.Header{FileID: clearing.FileID{
		Date: date, ProcessorID: "400001", Sequence: 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Write(&clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: 700, Currency: "EUR", LocalTime: date, POSDataCode: "000000000000",
		FunctionCode: "200", MCC: "5999", ARN: arn, AcquirerID: "400001", ForwarderID: "400001", RRN: "R00000000001",
		Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "DEU"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "day.ipm")
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"take", name}, 0, `"posted":1`},
		{[]string{"take", name}, 1, "taken before"},
		{[]string{"take", filepath.Dir(name)}, 1, "is a directory, expected a file"},
		{[]string{"chargeback", arn, "--reason", "4853", "--amount", "200"}, 0, `"reference":"0000000001"`},
		{[]string{"chargeback", arn, "--reason", "4853"}, 0, `"amount":500`},
		{[]string{"chargeback", arn, "--reason", "4853"}, 1, "charged back before"},
		{[]string{"chargeback", arn, "--second", "--reference", "0000000001"}, 1, "no second presentment"},
		{[]string{"retrieve", arn, "--reason", "6341"}, 0, "retrieval_request"},
		{[]string{"fee", "400001", "--reason", "7601", "--amount", "30", "--pays"}, 0, `"kind":"fee"`},
		{[]string{"status"}, 0, `"waiting":4`},
		{[]string{"window"}, 0, `"chargebacks":2,"retrievals":1,"fees":1,"positions":1`},
		{[]string{"status"}, 0, `"waiting":0`},
	} {
		said, err := command(t, append([]string{"clearing", "--control", d.Control}, c.args...)...).CombinedOutput()
		var exit *exec.ExitError
		code := 0
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != c.code {
			t.Errorf("%v: exit code %d, want %d", c.args, code, c.code)
		}
		if !strings.Contains(string(said), c.want) {
			t.Errorf("%v: %s, want %s", c.args, said, c.want)
		}
	}
	if names, err := filepath.Glob(filepath.Join(out, "*.ipm")); err != nil || len(names) != 3 {
		t.Errorf("the files: %v, %v", names, err)
	}
}
