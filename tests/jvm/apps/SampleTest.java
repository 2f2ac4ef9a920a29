package sample;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class SampleTest {
    @Test
    public void squares() {
        System.out.println("tested on " + System.getProperty("java.vm.name"));
        assertEquals(9, Sample.square(3));
    }

    @Test
    public void fails() {
        assertEquals(10, Sample.square(3));
    }
}
