package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// bills writes a bill of materials for each binary of an architecture: what is stamped into it, as CycloneDX has it.
func (r *release) bills(arch string) error {
	for _, name := range programs {
		binary := filepath.Join(r.staged(arch), name)
		text, err := output(r.tool("cyclonedx-gomod", "bin", "-json", "-std", "-noserial", "-notimestamp",
			"-version", string(r.version), binary))
		if err != nil {
			return err
		}
		contents, err := os.ReadFile(binary)
		if err != nil {
			return err
		}
		bill, err := settleBill([]byte(text), r.at, sha256.Sum256(contents))
		if err != nil {
			return fmt.Errorf("the bill of %s: %w", name, err)
		}
		for _, to := range []string{
			filepath.Join(r.out, fmt.Sprintf("%s_%s_linux_%s.cdx.json", name, r.version, arch)),
			binary + ".cdx.json", // for the packages
		} {
			if err := os.WriteFile(to, bill, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleBill gives a bill what depends on the binary alone in the place of what would differ each time: its serial
// number is made of the binary's hash, its time is the commit's, and the tool is named without the hashes of its own
// binary, which was built on this machine.
func settleBill(text []byte, at time.Time, binary [sha256.Size]byte) ([]byte, error) {
	var bill map[string]any
	if err := json.Unmarshal(text, &bill); err != nil {
		return nil, err
	}
	metadata, ok := bill["metadata"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it has no metadata: %.200s", text)
	}
	metadata["timestamp"] = at.Format(time.RFC3339)
	tools, _ := metadata["tools"].([]any)
	for _, t := range tools {
		if t, ok := t.(map[string]any); ok {
			delete(t, "hashes")
		}
	}
	id := binary[:16]
	id[6] = id[6]&0x0f | 0x80 // a UUID of version 8: made by a rule of our own
	id[8] = id[8]&0x3f | 0x80
	bill["serialNumber"] = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	var settled bytes.Buffer
	e := json.NewEncoder(&settled)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(bill)
	return settled.Bytes(), err
}
