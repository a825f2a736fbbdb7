// Asks Go's implementation of transparent logs (golang.org/x/mod/sumdb) what it thinks of ours.
//
// Reads one JSON question per line and writes one JSON answer per line. Hashes are in base64.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Ask    string      `json:"ask"`
	Bodies [][]byte    `json:"bodies"`
	Index  int64       `json:"index"`
	Old    int64       `json:"old"`
	Size   int64       `json:"size"`
	Leaf   tlog.Hash   `json:"leaf"`
	Steps  []tlog.Hash `json:"steps"`
	Root   tlog.Hash   `json:"root"`
	First  tlog.Hash   `json:"first"`
	Note   string      `json:"note"`
	VKey   string      `json:"vkey"`
	Name   string      `json:"name"`
	Text   string      `json:"text"`
}

type answer struct {
	Error       string      `json:"error,omitempty"`
	Root        tlog.Hash   `json:"root"`
	Inclusion   []tlog.Hash `json:"inclusion"`
	Consistency []tlog.Hash `json:"consistency"`
	Text        string      `json:"text"`
	Note        string      `json:"note"`
	VKey        string      `json:"vkey"`
}

// grow builds a tree from the exact bytes of its entries and proves what is asked.
func grow(asked question) (answer, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(places []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(places))
		for i, place := range places {
			found[i] = stored[place]
		}
		return found, nil
	})
	for number, body := range asked.Bodies {
		more, err := tlog.StoredHashes(int64(number), body, reader)
		if err != nil {
			return answer{}, err
		}
		stored = append(stored, more...)
	}
	size := int64(len(asked.Bodies))
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return answer{}, err
	}
	inclusion, err := tlog.ProveRecord(size, asked.Index, reader)
	if err != nil {
		return answer{}, err
	}
	consistency, err := tlog.ProveTree(size, asked.Old, reader)
	return answer{Root: root, Inclusion: inclusion, Consistency: consistency}, err
}

func open(asked question) (answer, error) {
	verifier, err := note.NewVerifier(asked.VKey)
	if err != nil {
		return answer{}, err
	}
	opened, err := note.Open([]byte(asked.Note), note.VerifierList(verifier))
	if err != nil {
		return answer{}, err
	}
	return answer{Text: opened.Text}, nil
}

func sign(asked question) (answer, error) {
	secret, vkey, err := note.GenerateKey(rand.Reader, asked.Name)
	if err != nil {
		return answer{}, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return answer{}, err
	}
	signed, err := note.Sign(&note.Note{Text: asked.Text}, signer)
	return answer{Note: string(signed), VKey: vkey}, err
}

func reply(asked question) (answer, error) {
	switch asked.Ask {
	case "grow":
		return grow(asked)
	case "inclusion":
		return answer{}, tlog.CheckRecord(asked.Steps, asked.Size, asked.Root, asked.Index, asked.Leaf)
	case "consistency":
		return answer{}, tlog.CheckTree(asked.Steps, asked.Size, asked.Root, asked.Old, asked.First)
	case "open":
		return open(asked)
	case "sign":
		return sign(asked)
	}
	return answer{}, fmt.Errorf("no such question: %q", asked.Ask)
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		given := answer{}
		if err = json.Unmarshal(line, &asked); err == nil {
			given, err = reply(asked)
		}
		if err != nil {
			given.Error = err.Error()
		}
		if err = answers.Encode(given); err != nil {
			os.Exit(1)
		}
	}
}
