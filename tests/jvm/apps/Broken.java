package sample;

import java.util.List;

/** What no compiler accepts. */
class Broken {
    final int set;

    String told(List<String> of) {
        int number = of.get(0);
        return unknown(number);
    }

    static int none(boolean b) {
        if (b) {
            return 1;
        }
    }
}
